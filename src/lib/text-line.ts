// A line of the log for a person: JSON in, one line of text out, with nothing in it that could steer a terminal.
import { escapeLine } from './escape.ts';

const names: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info ', 40: 'WARN ', 50: 'ERROR', 60: 'ERROR' };

/** What is not a line of the log (Envoy's own output) stays, made safe. */
export function textLine(line: string): string {
  const text = line.replace(/\n$/, '');
  const fields = fieldsOf(text);
  if (fields === undefined) return `${escapeLine(text)}\n`;
  const { level, time, msg, name, room, ...rest } = fields;
  const at = typeof time === 'number' ? new Date(time).toISOString().slice(11, 23) : '';
  const from = [name, room].filter((part) => typeof part === 'string').join(' ');
  const more = Object.entries(rest).map(([key, value]) => `${key}=${shown(value)}`);
  const parts = [at, names[Number(level)] ?? String(level), from, String(msg), ...more];
  return `${escapeLine(parts.filter((part) => part !== '').join(' '))}\n`;
}

function shown(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return value;
  return JSON.stringify(value);
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && 'msg' in parsed ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}
