// Replaces an access log to the file /dev/stdout or /dev/stderr by Envoy's stream logger: Envoy would open the file again, which fails if
// it is a socket (systemd's, or a parent's in Node), and with it the listener. The logger writes to the descriptor that Envoy was given.
import type { JsonValue } from '@bufbuild/protobuf';
import { defined } from '../../lib/defined.ts';

type JsonObject = { [key: string]: JsonValue };

const loggers = 'type.googleapis.com/envoy.extensions.access_loggers';
const printers: ReadonlyMap<unknown, string> = new Map([
  ['/dev/stdout', `${loggers}.stream.v3.StdoutAccessLog`],
  ['/dev/stderr', `${loggers}.stream.v3.StderrAccessLog`],
]);

/** `body` in the schema's own field names; anything but such a log stays as it was. */
export function asPrintedLog(body: JsonObject): JsonObject {
  const type = printers.get(body['path']);
  if (body['@type'] !== `${loggers}.file.v3.FileAccessLog` || type === undefined) return body;
  const format = formatOf(body);
  return { '@type': type, ...defined({ log_format: format }) };
}

/** The file logger has three other, deprecated fields for it. */
function formatOf({ log_format, format, json_format, typed_json_format }: JsonObject): JsonValue | undefined {
  if (log_format !== undefined) return log_format;
  if (typeof format === 'string') return format === '' ? undefined : { text_format_source: { inline_string: format } };
  const json = json_format ?? typed_json_format;
  return json === undefined ? undefined : { json_format: json };
}
