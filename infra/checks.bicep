// Validation of parameters beyond their types. Bicep has no regular expressions: instead, a text is split at each allowed
// character, which leaves nothing if all characters are allowed.

import { authenticationType, signingKeyType } from 'types.bicep'

@description('A text without these characters, which are separated by blanks.')
func without(value string, characters string) string => join(split(toLower(value), split(characters, ' ')), '')

@description('Whether this is a valid name of a key.')
func isKeyName(value string) bool =>
  empty(without(value, 'a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9 -'))

@description('Invalid names of keys.')
func badNames(keys signingKeyType[]) string[] => map(filter(keys, key => !isKeyName(key.name)), key => key.name)

@description('Names of keys in lower case, as a vault compares them.')
func comparedNames(keys signingKeyType[]) string[] => map(keys, key => toLower(key.name))

@description('Whether all texts are different.')
func differ(values string[]) bool => length(union(values, values)) == length(values)

@description('An error for each of these invalid names of keys.')
func nameProblems(names string[]) string[] => map(names, name => 'keys: ${name} may only have letters, digits and -')

@description('Errors in keys.')
@export()
func keyProblems(keys signingKeyType[]) string[] =>
  concat(nameProblems(badNames(keys)), differ(comparedNames(keys)) ? [] : ['keys: two keys have the same name'])

@description('Whether a text has the form of a range of IPv4 addresses. Its numbers are checked by parseCidr.')
func looksLikeRange(value string) bool =>
  length(split(value, '.')) == 4 && length(split(value, '/')) == 2 && empty(without(value, '0 1 2 3 4 5 6 7 8 9 . /'))

@description('Whether a text is a range of IPv4 addresses. If a number is too large, parseCidr fails, which stops the deployment.')
func isRange(value string) bool => looksLikeRange(value) ? !empty(parseCidr(value).network) : false

@description('Errors in ranges of addresses.')
func rangeProblems(ranges string[]) string[] =>
  map(filter(ranges, value => !isRange(value)), value => '${value} is not an address range such as 203.0.113.7/32')

@description('Errors in all ranges of addresses, and in those of the two networks.')
@export()
func networkProblems(ranges string[], first string, second string) string[] =>
  concat(rangeProblems(ranges), first == second ? ['secondNetworkPrefix: it must differ from networkPrefix'] : [])

@description('Names of regions as Azure compares them.')
func comparedRegions(names string[]) string[] => map(names, name => toLower(replace(name, ' ', '')))

@description('The regions that are set.')
func givenRegions(names string[]) string[] => filter(comparedRegions(names), name => !empty(name))

@description('Errors in combinations of regions.')
@export()
func regionProblems(first string, second string, third string, hasSecondSigner bool) string[] =>
  concat(
    differ(givenRegions([first, second, third])) ? [] : ['location, secondRegion and thirdRegion: two are the same'],
    empty(second) && !empty(third) ? ['thirdRegion: it requires secondRegion'] : [],
    empty(second) && hasSecondSigner ? ['signerInSecondRegion: it requires secondRegion'] : []
  )

@description('Errors in the capacity of the database.')
@export()
func databaseProblems(capacity string, second string) string[] =>
  capacity == 'serverless' && !empty(second) ? ['databaseCapacity: serverless has a single region'] : []

@description('The lengths of the hyphen-separated parts of a text.')
func shape(value string) string => join(map(split(value, '-'), part => string(length(part))), '-')

@description('Whether a text is the object identifier of a user, group or service principal.')
func isObjectId(value string) bool =>
  shape(value) == '8-4-4-4-12' && empty(without(value, '0 1 2 3 4 5 6 7 8 9 a b c d e f -'))

@description('Errors in the operator.')
@export()
func operatorProblems(id string) string[] =>
  empty(id) || isObjectId(id) ? [] : ['operatorPrincipalId: ${id} is not an object id (a GUID)']

@description('Errors in who may store sealed keys.')
func writerProblems(writers string[]) string[] =>
  concat(
    areIds(writers) ? [] : ['sealedKeyWriters: all must be object ids (GUIDs)'],
    differ(map(writers, id => toLower(id))) ? [] : ['sealedKeyWriters: two are the same']
  )

@description('Errors in the parameters of sealed keys.')
@export()
func sealedKeyProblems(enabled bool, writers string[], keys signingKeyType[]) string[] =>
  concat(
    writerProblems(writers),
    enabled || empty(writers) ? [] : ['sealedKeyWriters: it requires sealedKeys'],
    enabled && contains(comparedNames(keys), 'sealing') ? ['keys: sealing is the name of the key for sealed keys'] : []
  )

@description('Whether a text is an HTTP or HTTPS URL.')
func isWebAddress(value string) bool => startsWith(value, 'https://') || startsWith(value, 'http://')

@description('Whether a text can be the URL of one node. A password would be visible to everyone who may see the app.')
func isNodeUrl(value string) bool => isWebAddress(value) && !contains(value, '@') && !contains(value, ',')

@description('Errors in URLs of nodes.')
@export()
func nodeProblems(urls string[]) string[] =>
  map(filter(urls, url => !isNodeUrl(url)), url => 'nodeUrls: expected URLs of nodes, without a password')

@description('Whether all texts are object or client identifiers.')
func areIds(values string[]) bool => empty(filter(values, value => !isObjectId(value)))

@description('All identifiers of principals and applications.')
func idsOf(authentication authenticationType) string[] =>
  concat(authentication.?allowedPrincipals ?? [], authentication.?allowedApplications ?? [])

@description('Errors in who may call the app. Without a principal, everyone in the tenant could.')
@export()
func authenticationProblems(authentication authenticationType) string[] =>
  concat(
    empty(authentication) || isObjectId(authentication.?clientId ?? '')
      ? []
      : ['authentication: clientId must be the client id of an app registration (a GUID)'],
    empty(authentication) || !empty(authentication.?allowedPrincipals)
      ? []
      : ['authentication: allowedPrincipals must name an identity'],
    areIds(idsOf(authentication))
      ? []
      : ['authentication: allowedPrincipals and allowedApplications must be object ids and client ids (GUIDs)']
  )
