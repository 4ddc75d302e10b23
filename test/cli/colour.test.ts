// Colour: where it is, and that it is all that differs.
import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coloured, hasColour } from '../../src/cli/output/colour.ts';
import { runCli } from '../support/cli-harness.ts';

const write = (): boolean => true;

describe('colour', () => {
  it.each([
    ['a terminal', true, { TERM: 'xterm' }, true],
    ['a terminal of which nothing is said', true, {}, true],
    ['a pipe', false, { TERM: 'xterm' }, false],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
    ['a terminal whose user wants none', true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['a pipe whose reader wants it', false, { FORCE_COLOR: '1' }, true],
    ['an empty FORCE_COLOR', false, { FORCE_COLOR: '' }, true],
    ['FORCE_COLOR beside NO_COLOR', false, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    ['FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false],
  ])('for %s (terminal: %s)', (_name, isTTY, env, expected) => {
    expect(hasColour({ stdout: { write, isTTY }, env })).toBe(expected);
  });

  it('is for headings, and for words that say how something is', () => {
    expect(coloured('PROXY   STATE\napi~1   gone\napi~2   connected\n')).toBe(
      '\u001b[1mPROXY   STATE\u001b[22m\napi~1   \u001b[31mgone\u001b[39m\napi~2   \u001b[32mconnected\u001b[39m\n',
    );
  });

  it('changes nothing else, whatever the text', () => {
    const word = fc.constantFrom(
      'gone',
      'NO (ECONNREFUSED)',
      'strict, but open',
      'PROXY',
      ' ',
      '   ',
      '\n',
      'x',
      '中',
      'held: 2',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.stringMatching(/^[\x20-\x7e]{0,9}$/))), (parts) => {
        const text = parts.join('');
        expect(stripVTControlCharacters(coloured(text))).toBe(text);
      }),
    );
  });
});

describe('--log-format', () => {
  it.each([
    [['serve', '--store', 'memory'], {}, ['auto']],
    [['serve', '--store', 'memory', '--log-format', 'text'], {}, ['text']],
    [['serve', '--store', 'memory'], { CELLWALL_LOG_FORMAT: 'json' }, ['json']],
    [['schema'], { CELLWALL_LOG_FORMAT: 'json' }, []],
  ])('of %j with %j is %j', async (args, env, expected) => {
    const chosen: string[] = [];
    await runCli(args, { env, onLogFormat: (format) => void chosen.push(format) });
    expect(chosen).toEqual(expected);
  });

  it('is one of three', async () => {
    const { code, stderr } = await runCli(['serve', '--log-format', 'xml']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('auto, text, json') });
  });

  it('decides what is on stderr, also beside a terminal', () => {
    const log = new URL('../../src/lib/line-log.ts', import.meta.url);
    const output = new URL('../../src/lib/process-log.ts', import.meta.url);
    const logged = (format: string): string => {
      const code = `import { createLineLog } from '${log}'; import { useLogFormat } from '${output}';
        useLogFormat('${format}'); createLineLog('info', { name: 'sidecar' }).warn({ at: 'here' }, 'said');`;
      return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).stderr;
    };
    expect(logged('text')).toMatch(/^[\d:.]+ WARN {2}sidecar said at=here\n$/);
    for (const format of ['auto', 'json']) expect(JSON.parse(logged(format))).toMatchObject({ msg: 'said', level: 40 });
  });
});
