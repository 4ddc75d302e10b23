// Every mistake an author can make is told where it is, in words that help; hostile text is refused in bounded time.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDocuments } from '../../src/model/parse.ts';
import { cellYaml, parsed } from '../support/documents.ts';

/** `line:column code message | hint` of every problem. */
function problemsIn(text: string): readonly string[] {
  const result = parseDocuments(text, 'file.yaml');
  if (result.kind === 'parsed') return [];
  return result.problems.map(({ source, code, message, hint }) => {
    expect(source.file).toBe('file.yaml');
    return `${source.line}:${source.column} ${code} ${message}${hint === undefined ? '' : ` | ${hint}`}`;
  });
}

function policy(rules: string): string {
  return `apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata: {name: p}
spec:
  target: {service: api}
  action: allow
  rules:
${rules.replace(/^/gm, '    ')}
`;
}

describe('documents', () => {
  it('are parsed with their defaults, text, place and fields', () => {
    const text = `# licence
---
# the cell
apiVersion: cellwall/v1
kind: Cell
metadata: {name: cell-1} # its name
spec:
  id: 1
---

--- # a service
apiVersion: cellwall/v1
kind: Service
metadata: {name: api, cell: cell-1}
spec: {protocol: grpc, timeouts: {connect: 250ms}}
...
# after
`;
    const [cell, service, ...more] = parsed(text, 'cells.yaml');
    expect(more).toEqual([]);
    expect(cell?.key).toBe('Cell/cell-1');
    expect(cell?.text).toBe(
      '# the cell\napiVersion: cellwall/v1\nkind: Cell\nmetadata: {name: cell-1} # its name\nspec:\n  id: 1\n',
    );
    expect(cell?.source).toEqual({ file: 'cells.yaml', line: 4, column: 1 });
    expect(cell?.locate(['spec', 'id'])).toEqual({ file: 'cells.yaml', line: 8, column: 7 });
    expect(cell?.locate(['metadata', 'cell', 'deep'])).toEqual({ file: 'cells.yaml', line: 6, column: 11 });
    expect(service?.key).toBe('Service/cell-1/api');
    expect(service?.text.startsWith('# a service\n')).toBe(true);
    expect(service?.document).toMatchObject({
      spec: {
        protocol: 'grpc',
        endpoints: { sidecars: true },
        timeouts: { connect: 250, request: 0, idle: 3_600_000 },
      },
    });
  });

  it('may be none', () => {
    for (const text of ['', '\n', '# only a comment\n', '---\n---\n', '\ufeff']) expect(parsed(text)).toEqual([]);
  });

  it('may begin with a byte order mark and have Windows line ends', () => {
    const [cell] = parsed(`\ufeff${cellYaml('cell-1', 1).replaceAll('\n', '\r\n')}`);
    expect(cell?.key).toBe('Cell/cell-1');
    expect(cell?.locate(['spec', 'id']).line).toBe(4);
  });

  it('give themselves again from their own text', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/),
            fc.integer({ min: 1, max: 1e9 }),
            fc.stringMatching(/^[ -~]{0,20}$/),
          ),
          { maxLength: 6 },
        ),
        (cells) => {
          const unique = [...new Map(cells.map((cell) => [cell[0], cell])).values()];
          const text = unique.map(([name, id, comment]) => `# ${comment}\n${cellYaml(name, id)}`).join('---\n');
          const documents = parsed(text);
          expect(documents.map(({ document }) => document)).toMatchObject(
            unique.map(([name, id]) => ({ metadata: { name }, spec: { id } })),
          );
          expect(documents.map((document) => document.text).join('---\n')).toBe(text);
          for (const { text: own, document } of documents) expect(parsed(own)[0]?.document).toEqual(document);
        },
      ),
    );
  });
});

describe('problems', () => {
  it('are told all at once, in every document', () => {
    expect(
      problemsIn(`apiVersion: cellwall/v1
kind: Service
metadata: {name: API}
spec:
  protocl: http1
  dependsOn: [{service: a}]
---
apiVersion: cellwall/v2
kind: service
---
- a list
---
kind: Cell
---
apiVersion: cellwall/v1
kind: Cell
metadata: {name: a}
spec: {id: 1.5}
`),
    ).toEqual([
      '3:18 invalid metadata.name: not a name: lower-case letters, digits and hyphens, 63 at most, beginning and ' +
        'ending with a letter or digit',
      '5:3 unknown-field unknown field "protocl" in spec | did you mean "protocol"?',
      '6:15 missing-field spec.dependsOn[0].listen is missing',
      '8:13 unknown-api-version unknown apiVersion "cellwall/v2" | known: cellwall/v1',
      '9:7 unknown-kind unknown kind "service" | did you mean "Service"?',
      '11:1 wrong-type expected a document, found a list | a mapping with apiVersion, kind, metadata and spec',
      '13:1 missing-field "apiVersion" is missing | apiVersion: cellwall/v1',
      '18:12 wrong-type spec.id: expected a whole number, found 1.5',
    ]);
  });

  it.each([
    [
      '- from: [{servcie: a}]',
      '8:15 unknown-field unknown field "servcie" in spec.rules[0].from[0] | did you mean "service"?',
    ],
    [
      '- from: [{service: a, cell: b}]',
      '8:27 excluded-field spec.rules[0].from[0]: "service" and "cell" exclude each other | exactly one of ' +
        'service, cell, eachCell, spiffeId, prefix, trustDomain, authenticated, anonymous, jwt, everyone',
    ],
    [
      '- from: [{}]',
      '8:14 missing-field spec.rules[0].from[0]: expected one of "service", "cell", "eachCell", "spiffeId", ' +
        '"prefix", "trustDomain", "authenticated", "anonymous", "jwt", "everyone"',
    ],
    [
      '- from: [cell-1]',
      '8:14 wrong-type spec.rules[0].from[0]: expected a mapping with one of "service", "cell", "eachCell", ' +
        '"spiffeId", "prefix", "trustDomain", "authenticated", "anonymous", "jwt", "everyone", found "cell-1"',
    ],
    ['- from: [{cell: 3}]', '8:21 wrong-type spec.rules[0].from[0].cell: expected text, found 3 | put it in quotes'],
    ['- from: [{service: [a]}]', '8:24 wrong-type spec.rules[0].from[0].service: expected text, found a list'],
    [
      '- from: [{cell: Cell 1}]',
      '8:21 invalid spec.rules[0].from[0].cell: not a name: lower-case letters, digits and hyphens, 63 at most, ' +
        'beginning and ending with a letter or digit',
    ],
    ['- from: [{anonymous: yes}]', '8:26 wrong-value spec.rules[0].from[0].anonymous: expected true, found "yes"'],
    [
      '- from: [{anonymous: true}]\n  to: [{path: {exat: /x}}]',
      '9:20 unknown-field unknown field "exat" in spec.rules[0].to[0].path | did you mean "exact"?',
    ],
    [
      '- from: [{anonymous: true}]\n  to: [{path: /x}]',
      '9:19 wrong-type spec.rules[0].to[0].path: expected a mapping with one of "exact", "prefix", "template", found "/x"',
    ],
    [
      '- from: [{anonymous: true}]\n  to: [{methods: [get]}]',
      '9:23 wrong-value spec.rules[0].to[0].methods[0]: expected one of "GET", "HEAD", "POST", "PUT", "DELETE", ' +
        '"OPTIONS", "PATCH", "CONNECT", "TRACE", found "get" | did you mean "GET"?',
    ],
    ['- from: []', '8:13 too-small spec.rules[0].from: expected at least 1 entry'],
    ['- from:', '8:12 wrong-type spec.rules[0].from: expected a list, found nothing'],
  ])('of a union are those of the branch that was meant: %s', (rules, problem) => {
    expect(problemsIn(policy(rules))).toEqual([problem]);
  });

  it('carry the path', () => {
    const result = parseDocuments(policy('- from: [{cell: same}, {service: 5}]'), 'f');
    expect(result).toMatchObject({ problems: [{ path: 'spec.rules[0].from[1].service' }] });
  });

  it.each([
    [
      'timeouts: {request: 30}',
      '4:43 invalid spec.timeouts.request: not a duration: a whole number and ms, s, m, h or d, as in "30s"',
    ],
    [
      'dependsOn: [{service: a, listen: "9000"}]',
      '4:56 invalid spec.dependsOn[0].listen: neither a loopback port (just a number, without quotes: ' +
        '9000) nor a socket (unix:, then an absolute path that ends in .sock: unix:/run/web/api.sock)',
    ],
  ])('say what to write: %s', (field, problem) => {
    const text = `apiVersion: cellwall/v1\nkind: Service\nmetadata: {name: a}\nspec: {protocol: tcp, ${field}}\n`;
    expect(problemsIn(text)).toEqual([problem]);
  });

  it('name both places of a document that is written twice', () => {
    expect(problemsIn(`${cellYaml('a', 1)}---\n${cellYaml('a', 2)}`)).toEqual([
      '6:1 duplicate-document Cell/a is written twice | the other one is at file.yaml:1; keep one, or give one another name',
    ]);
  });
});

describe('hostile text', () => {
  it.each([
    ['a duplicate key', 'a: 1\na: 2', '2:1 duplicate-key "a" is written twice | keep one of them'],
    ['__proto__', '__proto__: {x: 1}', '1:1 forbidden-key the key "__proto__" is not allowed'],
    ['constructor', 'a: {constructor: 1}', '1:5 forbidden-key the key "constructor" is not allowed'],
    ['a tag', 'a: !!js/function x', '1:4 yaml-tag Unresolved tag: tag:yaml.org,2002:js/function | remove the tag'],
    ['YAML 1.1', '%YAML 1.1\n---\na: yes', '1:1 yaml-version YAML 1.1 is not read, only 1.2 | remove the %YAML line'],
    ['a key that is no text', '? [a]\n: 1', '1:3 yaml-key a key must be plain text'],
    ['a lone surrogate', 'a: \ud800', '1:1 encoding not Unicode text: a lone surrogate'],
    ['an open quote', 'a: "x', '1:4 yaml-syntax this " is never closed | add the closing "'],
    ['an empty key twice', ': 1\n: 2', '2:1 duplicate-key "" is written twice | keep one of them'],
  ])('%s is refused', (_, text, problem) => {
    expect(problemsIn(text)).toEqual([problem]);
  });

  it('aliases and anchors are refused, so that no bomb is built', () => {
    const bomb = ['a: &a [x]', 'b: &b [*a,*a]', 'c: [*b,*b]'].join('\n');
    const codes = problemsIn(bomb).map((problem) => problem.split(' ')[1]);
    expect(codes).toEqual(['yaml-alias', 'yaml-alias', 'yaml-alias', 'yaml-alias', 'yaml-alias', 'yaml-alias']);
  });

  it.each(['[', '{a: ', '- ', '? ', '[{a: ['])('100,000 levels of %j are refused, and the stack holds', (level) => {
    expect(problemsIn(level.repeat(100_000 / level.length)).join()).toMatch(/yaml-depth/);
  });

  it('nesting is told where it becomes too deep', () => {
    expect(problemsIn(`a: ${'['.repeat(40)}${']'.repeat(40)}`)).toEqual([
      '1:36 yaml-depth nested deeper than 32 levels',
    ]);
  });

  it('over 16 MiB is refused unread', () => {
    expect(problemsIn(`# ${'ä'.repeat(8_500_000)}`)).toEqual([
      '1:1 too-large larger than 16 MiB | split it into several files',
    ]);
  });

  it('never throws, whatever the text', () => {
    const pieces = fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '&x',
      '*x',
      '!t ',
      '|',
      '>',
      '"',
      "'",
      '---\n',
      '...\n',
      '%',
      '#',
      '?',
      ',',
      '\t',
      '\0',
      '\ud800',
      cellYaml('a', 1),
      '<<: ',
      '~',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join('')),
        ),
        (text) => {
          const result = parseDocuments(text, 'f');
          if (result.kind === 'invalid') {
            expect(result.problems.length).toBeGreaterThan(0);
            for (const { source } of result.problems) {
              expect(source.line).toBeGreaterThan(0);
              expect(source.column).toBeGreaterThan(0);
            }
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
