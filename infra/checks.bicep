// What parameters must be like beyond their types. Bicep has no regular expressions, so texts are taken apart instead: a text that is
// split at each character that it may have leaves nothing behind.

import { signingKeyType } from 'types.bicep'

@description('What is left of a text without these characters, which are separated by blanks.')
func without(value string, characters string) string => join(split(toLower(value), split(characters, ' ')), '')

@description('Whether a vault takes this name for a key.')
func isKeyName(value string) bool =>
  empty(without(value, 'a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9 -'))

@description('Names of keys that a vault does not take.')
func badNames(keys signingKeyType[]) string[] => map(filter(keys, key => !isKeyName(key.name)), key => key.name)

@description('Names of keys as a vault compares them.')
func comparedNames(keys signingKeyType[]) string[] => map(keys, key => toLower(key.name))

@description('Whether no two texts are the same.')
func differ(values string[]) bool => length(union(values, values)) == length(values)

@description('What is wrong with names of keys, a sentence each.')
func nameProblems(names string[]) string[] => map(names, name => 'keys: ${name} has more than letters, digits and -')

@description('What is wrong with keys.')
@export()
func keyProblems(keys signingKeyType[]) string[] =>
  concat(nameProblems(badNames(keys)), differ(comparedNames(keys)) ? [] : ['keys: two have the same name'])

@description('Whether a text has the form of a range of IPv4 addresses. The numbers in it are left to parseCidr.')
func looksLikeRange(value string) bool =>
  length(split(value, '.')) == 4 && length(split(value, '/')) == 2 && empty(without(value, '0 1 2 3 4 5 6 7 8 9 . /'))

@description('Whether a text is a range of IPv4 addresses. A number that is too large stops the deployment here: parseCidr says so.')
func isRange(value string) bool => looksLikeRange(value) ? !empty(parseCidr(value).network) : false

@description('What is wrong with ranges of addresses.')
@export()
func rangeProblems(ranges string[]) string[] =>
  map(filter(ranges, value => !isRange(value)), value => '${value} is no range of addresses such as 203.0.113.7/32')

@description('The lengths of the parts of a text between hyphens.')
func shape(value string) string => join(map(split(value, '-'), part => string(length(part))), '-')

@description('Whether a text is the object identifier of a user, group or service principal.')
func isObjectId(value string) bool =>
  shape(value) == '8-4-4-4-12' && empty(without(value, '0 1 2 3 4 5 6 7 8 9 a b c d e f -'))

@description('What is wrong with the operator.')
@export()
func operatorProblems(id string) string[] =>
  empty(id) || isObjectId(id) ? [] : ['operatorPrincipalId: ${id} is no object id, which is a GUID']

@description('Whether a text begins like the address of a node.')
func isWebAddress(value string) bool => startsWith(value, 'https://') || startsWith(value, 'http://')

@description('Whether a text can be the address of one node. Passwords would be shown to whoever may see the app.')
func isNodeUrl(value string) bool => isWebAddress(value) && !contains(value, '@') && !contains(value, ',')

@description('What is wrong with addresses of nodes.')
@export()
func nodeProblems(urls string[]) string[] =>
  map(filter(urls, url => !isNodeUrl(url)), url => 'nodeUrls: one is not the address of a node, without a password')
