// What needs no control plane: validate, schema, svid show; and the pieces that print.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseListen } from '../../src/cli/flags/choose-listen.ts';
import { unifiedDiff } from '../../src/cli/output/unified-diff.ts';
import { escapeBlock, escapeLine } from '../../src/lib/escape.ts';
import { type LocalPorts, localPorts } from '../../src/lib/local-ports.ts';
import { runCli } from '../support/cli-harness.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-cli-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('validate', () => {
  it('accepts what fits together', async () => {
    writeFileSync(join(folder, 'a.yaml'), yaml(meshText(), serviceText('web')));
    writeFileSync(join(folder, 'b.yml'), yaml(serviceText('api')));
    expect(await runCli(['validate', folder])).toEqual({ code: 0, stdout: 'valid: 3 documents\n', stderr: '' });
    const json = await runCli(['validate', '-f', folder, '-o', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ valid: true, documents: { length: 3 }, problems: [] });
  });

  it('says what to name where there is no folder of the default name', async () => {
    for (const line of [['validate'], ['explain', 'web', 'api', '--offline']]) {
      expect(await runCli(line)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/no documents were named.*"cellwall" here\n {2}hint: .*validate mesh\.d/),
      });
    }
  });

  it('exits with 3, with every problem, on stderr', async () => {
    const { code, stdout, stderr } = await runCli(['validate', '-'], {
      stdin: `${yaml(meshText(), serviceText('web', 'http9'))}---\nkind: Cel\n`,
    });
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'invalid: 3 errors\n' });
    expect(stderr.match(/^<stdin>:\d+:\d+: error: /gm)).toHaveLength(3);
  });

  it('checks a change over the documents that it changes', async () => {
    writeFileSync(join(folder, 'base.yaml'), yaml(meshText(), serviceText('web'), serviceText('api')));
    const change = yaml(serviceText('web'), policyText('p', 'api', 'allow', '[{from: [{everyone: true}]}]'));
    expect(await runCli(['validate', '-'], { stdin: change })).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/there is no Mesh document[\s\S]*hint: .*--onto DIR/),
    });
    expect(await runCli(['validate', '--onto', folder, '-'], { stdin: change })).toEqual({
      code: 0,
      stdout: 'valid: 4 documents\n',
      stderr: '',
    });
    const wrong = yaml(policyText('p', 'apii', 'allow', '[]'));
    expect(await runCli(['validate', '--onto', folder, '-'], { stdin: wrong })).toMatchObject({ code: 3 });
  });

  it('shows control characters, never sends them to the terminal', async () => {
    const text = yaml('kind: "Mesh\\e[31m"\nmetadata: {name: "x\\r\\nfake: ok"}\nspec: {}');
    const { stderr } = await runCli(['validate', '-'], { stdin: text });
    expect(stderr).toContain('error:');
    expect([...stderr].filter((character) => character < ' ' && character !== '\n')).toEqual([]);
  });
});

describe('schema', () => {
  it('is a JSON schema', async () => {
    const { code, stdout } = await runCli(['schema']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty('$schema');
  });
});

describe('svid show', () => {
  it('says so when there is no certificate', async () => {
    writeFileSync(join(folder, 'x.pem'), 'nothing');
    expect(await runCli(['svid', 'show', join(folder, 'x.pem')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/contains no certificate/),
    });
    expect(await runCli(['svid', 'show', join(folder, 'y.pem')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/cannot read .+y\.pem: there is no such file/),
    });
  });
});

describe('the port to listen on', () => {
  it('is chosen once, and kept', async () => {
    const data = join(folder, 'data');
    const first = await chooseListen({ address: '127.0.0.1', port: 0 }, data);
    expect(first.port).toBeGreaterThan(0);
    expect(await chooseListen({ address: '127.0.0.1', port: 0 }, data)).toEqual(first);
    expect(await chooseListen({ address: '127.0.0.1', port: 77 }, data)).toEqual({ address: '127.0.0.1', port: 77 });
  });

  const range = (first: number, last: number, reserved = '') =>
    localPorts((name) => (name === 'ip_local_port_range' ? `${first}\t${last}\n` : `${reserved}\n`));
  const chosen = async (local: LocalPorts | undefined, dir = join(folder, 'w', randomUUID())): Promise<number> =>
    (await chooseListen({ address: '127.0.0.1', port: 0 }, dir, { local })).port;

  it('is none that an outgoing connection may take, and one that may be taken is given up', async () => {
    for (let tried = 0; tried < 5; tried += 1) {
      const port = await chosen(range(20_000, 64_000));
      expect(port < 20_000 || port > 64_000).toBe(true);
    }
    // No room, no range: the kernel's.
    expect(await chosen(range(1, 65_535))).toBeGreaterThan(0);
    expect(await chosen(undefined)).toBeGreaterThan(0);
    // What is reserved is not given to outgoing connections.
    expect(await chosen(range(1, 65_535, '10000-30000,40000'))).toSatisfy(
      (port: number) => (port >= 10_000 && port <= 30_000) || port === 40_000,
    );
    const dir = join(folder, 'kept');
    const before = await chosen(undefined, dir);
    const after = await chosen(range(before, before), dir);
    expect(after).not.toBe(before);
    expect(await chosen(range(before, before), dir)).toBe(after);
  });
});

describe('escape', () => {
  it.each([
    ['\u001b[31mred', '\\u001b[31mred'],
    ['a\r\nb\tc', 'a\\r\\nb\\tc'],
    ['\u009b31m', '\\u009b31m'],
    ['abc\u202edef', 'abc\\u202edef'],
    ['<img onerror>', '<img onerror>'],
    ['zürich', 'zürich'],
  ])('%j on one line is %j', (text, escaped) => {
    expect(escapeLine(text)).toBe(escaped);
  });

  it('keeps lines of a block', () => {
    expect(escapeBlock('a\n\tb\u001b')).toBe('a\n\tb\\u001b');
  });
});

describe('unified diff', () => {
  const line = fc.constantFrom('a', 'b', 'c', 'd', 'e', '', 'x: 1');
  const text = fc.array(line, { maxLength: 30 }).map((lines) => lines.map((item) => `${item}|\n`).join(''));

  it('turns the one text into the other', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        expect(patch(before, unifiedDiff('x', before, after))).toBe(after);
      }),
      { numRuns: 500 },
    );
  });

  it('is empty for equal texts, whatever ends them', () => {
    expect(unifiedDiff('x', 'a\nb', 'a\nb\n')).toBe('');
  });

  it('leaves out what is far from a change', () => {
    const many = Array.from({ length: 40 }, (_, index) => `line ${index}`);
    const changed = many.with(20, 'other');
    const diff = unifiedDiff('x', many.join('\n'), changed.join('\n'));
    expect(diff.split('\n')).toHaveLength(2 + 1 + 3 + 2 + 3 + 1);
    expect(diff).toContain('@@ -18,7 +18,7 @@');
  });
});

/** Applies a unified diff: the smallest reader of the format. */
function patch(before: string, diff: string): string {
  const lines = before === '' ? [] : before.replace(/\n$/, '').split('\n');
  const out: string[] = [];
  let next = 0;
  for (const item of diff.split('\n').slice(2)) {
    const range = /^@@ -(\d+),(\d+) \+\d+,\d+ @@$/.exec(item);
    if (range !== null) {
      const start = Number(range[2]) === 0 ? Number(range[1]) : Number(range[1]) - 1;
      while (next < start) out.push(lines[next++] ?? '');
    } else if (item.startsWith('+')) out.push(item.slice(1));
    else if (item.startsWith('-') || item.startsWith(' ')) {
      expect(item.slice(1)).toBe(lines[next]);
      if (item.startsWith(' ')) out.push(item.slice(1));
      next++;
    }
  }
  out.push(...lines.slice(next));
  return out.map((item) => `${item}\n`).join('');
}
