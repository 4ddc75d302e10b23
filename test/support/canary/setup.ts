// Before each test file: says which it is. What a silent log is told is an output, too.

import { relative } from 'node:path';
import { afterAll, expect } from 'vitest';
import { silentLog } from '../../../src/lib/log.ts';
import { projectRoot } from '../source-files.ts';
import { canaryHook, keepOutput } from './keep-output.ts';

const hook = canaryHook();
if (hook !== undefined) {
  hook.test(relative(projectRoot, expect.getState().testPath ?? ''));
  const write = (fields: object, message: string): void => keepOutput('log', 'silent', `${message} ${text(fields)}\n`);
  Object.assign(silentLog, { debug: write, info: write, warn: write, error: write });
  afterAll(() => hook.flush());
}

/** As a log writes it: with what an error says. */
function text(fields: object): string {
  try {
    return JSON.stringify(fields, (_, value: unknown) =>
      value instanceof Error ? { message: value.message, stack: value.stack } : value,
    );
  } catch {
    return String(fields);
  }
}
