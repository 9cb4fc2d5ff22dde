// Composition of the queries of alerts on logs: a rule has one part for each problem.

@description('A problem that an alert on logs finds.')
@export()
@sealed()
type problemType = {
  @description('Name of the problem, for the column and dimension Problem.')
  name: string

  @description('What has happened.')
  title: string

  @description('What the problem means, and what to do first.')
  description: string

  @description('The query that finds it. The column Subject is a dimension: what the problem is about.')
  query: string

  @description('Whether it is looked for.')
  enabled: bool
}

@description('A text as a string of the query language.')
func quoted(value string) string => '"${replace(value, '"', '\\"')}"'

@description('Columns that say which problem this is.')
func columns(problem problemType) string =>
  'Problem = ${quoted(problem.name)}, Advice = ${quoted('${problem.title}. ${problem.description}')}'

// The signer's log takes the place of its name in each part: a name that is defined once for all parts would make the whole query
// fail while the workspace has no table AppTraces.
@description('The query of a problem.')
func filled(problem problemType, signerLog string) string => replace(problem.query, 'SignerLog', signerLog)

@description('The part of a rule that finds a problem.')
func part(problem problemType, signerLog string) string =>
  '(\n${filled(problem, signerLog)}| extend ${columns(problem)}\n)'

@description('The parts of a rule that find its problems.')
func parts(problems problemType[], signerLog string) string[] =>
  map(filter(problems, problem => problem.enabled), problem => part(problem, signerLog))

@description('A part that finds nothing and always exists, since a query fails if none of its tables does.')
func noProblem() string => '(datatable(TimeGenerated: datetime, Problem: string, Subject: string, Advice: string)[])'

// A table exists in the workspace from its first row on. A missing one must not silence the parts that do not read it: hence
// isfuzzy. The time column is renamed because rows with a TimeGenerated count only if they are in the rule's window.
@description('All parts as one query.')
func united(parts string[]) string => 'union isfuzzy=true\n${join(parts, ',\n')}\n| project-rename Time = TimeGenerated'

@description('The query of a rule.')
@export()
func ruleQuery(problems problemType[], signerLog string) string =>
  united(concat([noProblem()], parts(problems, signerLog)))

@description('What the description of a rule says about each of its problems.')
func help(problems problemType[]) string[] => map(problems, problem => '${problem.name}: ${problem.description}')

@description('The description of a rule.')
@export()
func ruleDescription(problems problemType[]) string =>
  'Problem says what happened, and Subject where or to whom.\n${join(help(problems), '\n')}'
