// The file of serve --audit-sinks: what it takes, and where it says what is wrong.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { CellwallError } from '../../src/lib/errors.ts';
import { readSinks } from '../../src/sinks/sinks-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'cellwall-sinks-'));
const file = join(folder, 'sinks.yaml');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const read = (text: string) => {
  writeFileSync(file, text);
  return readSinks(file);
};

it('has defaults, and any of the kinds', () => {
  expect(read('')).toEqual([]);
  const text = `sinks:
  - {kind: file, path: /srv/audit.jsonl}
  - {kind: stdout}
  - {kind: redis, urlFile: /run/secrets/redis}
  - {kind: otlp, url: "http://127.0.0.1:4318"}
  - {kind: webhook, url: "https://siem.example/in", tokenFile: /run/secrets/siem}
  - {kind: webhook, name: other, url: "http://127.0.0.1:1/", tokenFile: /run/secrets/siem}
`;
  expect(read(text).map(({ kind }) => kind)).toEqual(['file', 'stdout', 'redis', 'otlp', 'webhook', 'webhook']);
  expect(read(text)[2]).toMatchObject({ stream: 'cellwall:audit', maxLength: 1_000_000 });
});

it.each([
  ['sinks: [{kind: sylog}]', /sinks.yaml:1:\d+: .*kind/],
  ['sinks:\n  - {kind: file}', /sinks.yaml:2:\d+: .*path/],
  ['sinks:\n  - {kind: file, path: a}\n  - {kind: file, path: b}', /two sinks have one name/],
  ['sinks: [{kind: webhook, url: "http://siem.example/", tokenFile: t}]', /plaintext: https is needed/],
  ['sinks: [{kind: webhook, url: "ftp://x/"}]', /not an http or https address/],
  ['sinks: [{kind: webhook, url: "https://user:the-password@siem.example/"}]', /:1:\d+: .*a password/],
  ['sinks: [{kind: otlp, url: "https://the-password@siem.example/"}]', /:1:\d+: .*a password/],
  ['sinks: [{kind: stdout, name: "Ä"}]', /lower-case letters/],
  ['sink: []', /sinks.yaml:1:1: .*sink/],
  ['{}\n---\n{}', /sinks.yaml:3:\d+: a second document/],
])('refuses %j, and says where', (text, message) => {
  expect(() => read(text)).toThrow(message);
  expect(() => read(text)).toThrow(/--audit-sinks/);
  expect(() => read(text)).not.toThrow(/the-password/);
});

it('says that there is no file', () => {
  expect(() => readSinks(join(folder, 'nowhere'))).toThrow(/--audit-sinks: .*nowhere/);
});

it('proposes fields of the kind that is written, not of another', () => {
  const hint = (text: string): string | undefined => {
    try {
      read(`sinks: [${text}]`);
    } catch (reason) {
      return CellwallError.from(reason).hint;
    }
    return undefined;
  };
  expect(hint('{kind: redis, url: "redis://h", stream: s}')).not.toMatch(/"url"/);
  expect(hint('{kind: redis, url: "redis://h", stream: s}')).toMatch(/urlFile/);
  expect(hint('{kind: webhook, ulr: "https://siem.example/in"}')).toMatch(/did you mean "url"/);
});
