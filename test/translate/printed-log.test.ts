// An access log to /dev/stdout or /dev/stderr as the logger that prints, in every spelling of its format; others stay files.
import { expect, it } from 'vitest';
import { asPrintedLog } from '../../src/translate/raw/printed-log.ts';

const loggers = 'type.googleapis.com/envoy.extensions.access_loggers';
const file = `${loggers}.file.v3.FileAccessLog`;
const stdout = `${loggers}.stream.v3.StdoutAccessLog`;
const text = (inline_string: string) => ({ text_format_source: { inline_string } });

it.each([
  [{}, {}],
  [{ log_format: text('a') }, { log_format: text('a') }],
  [{ format: 'a' }, { log_format: text('a') }],
  [{ format: '' }, {}],
  [{ json_format: { a: '%B%' } }, { log_format: { json_format: { a: '%B%' } } }],
  [{ typed_json_format: { a: '%B%' } }, { log_format: { json_format: { a: '%B%' } } }],
])('%j', (fields, made) => {
  expect(asPrintedLog({ '@type': file, path: '/dev/stdout', ...fields })).toEqual({ '@type': stdout, ...made });
});

it('stderr, too; nothing else', () => {
  expect(asPrintedLog({ '@type': file, path: '/dev/stderr' })['@type']).toBe(`${loggers}.stream.v3.StderrAccessLog`);
  for (const path of ['/dev/null', '/dev/stdout/x', '/var/log/x']) {
    expect(asPrintedLog({ '@type': file, path })).toEqual({ '@type': file, path });
  }
  const other = { '@type': `${loggers}.open_telemetry.v3.X`, path: '/dev/stdout' };
  expect(asPrintedLog(other)).toBe(other);
});
