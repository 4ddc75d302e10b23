// The small log: levels, fields, children, secrets.
import { describe, expect, it } from 'vitest';
import { createLineLog } from '../../src/lib/line-log.ts';
import { Redacted } from '../../src/lib/redacted.ts';

describe('the line log', () => {
  it('writes a JSON line for what reaches its level, with the fields of its parents, and no secret', () => {
    const lines: string[] = [];
    const log = createLineLog('info', { app: 'a' }, (line) => lines.push(line)).child({ room: 'r' });
    log.debug({}, 'not shown');
    log.warn({ token: new Redacted('cw1.secret'), text: 'two\nlines' }, 'shown');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.split('\n')).toHaveLength(2);
    const { time, ...line } = JSON.parse(lines[0] ?? '');
    expect(line).toEqual({ level: 40, app: 'a', room: 'r', token: '[redacted]', text: 'two\nlines', msg: 'shown' });
    expect(typeof time).toBe('number');
  });

  it('is silent when asked', () => {
    const lines: string[] = [];
    createLineLog('silent', {}, (line) => lines.push(line)).error({}, 'x');
    expect(lines).toEqual([]);
  });
});
