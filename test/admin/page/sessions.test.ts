// Sessions of the page: two halves of a secret, each worth nothing alone; ends; budgets; codes.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../src/admin/caller.ts';
import {
  createSessions,
  isCode,
  type Known,
  type OpenedSession,
  type Sessions,
} from '../../../src/admin/page/sessions.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

const hourMs = 3_600_000;
let clock: FakeClock;
let sessions: Sessions;

beforeEach(() => {
  clock = createFakeClock();
  sessions = createSessions(clock);
});

function known(name = 'ann'): Known {
  const caller: Caller = { name, role: 'viewer', rawResources: false };
  return { caller, again: async () => caller };
}

function cookieOf({ cookie }: OpenedSession): string {
  return cookie.reveal().split(';')[0] ?? '';
}

function shown(opened: OpenedSession, cookies: string | undefined = cookieOf(opened)) {
  return { header: opened.header.reveal(), cookies };
}

describe('a session', () => {
  it('is found by both halves, among other cookies', async () => {
    const opened = sessions.open(known(), false);
    expect((await sessions.find(shown(opened)))?.caller.name).toBe('ann');
    expect((await sessions.find(shown(opened, `a=b; ${cookieOf(opened)}; c=d`)))?.session?.id).toBe(opened.id);
  });

  it('is not found by one half, or by halves of two', async () => {
    const [one, other] = [sessions.open(known(), false), sessions.open(known(), false)];
    expect(await sessions.find({ header: one.header.reveal(), cookies: undefined })).toBeUndefined();
    expect(await sessions.find({ header: '', cookies: cookieOf(one) })).toBeUndefined();
    expect(await sessions.find(shown(one, cookieOf(other)))).toBeUndefined();
    const [id] = one.header.reveal().split('.');
    const [, key] = other.header.reveal().split('.');
    expect(await sessions.find({ header: `${id}.${key}`, cookies: cookieOf(one) })).toBeUndefined();
    expect(await sessions.find(shown(one, `${cookieOf(one)}x`))).toBeUndefined();
  });

  it('keeps its cookie from scripts, from other sites, and from plain connections where it came over TLS', () => {
    const { cookie, id } = sessions.open(known(), false);
    expect(cookie.reveal()).toMatch(
      new RegExp(`^cellwall-session-${id}=[\\w-]{43}; Path=/v1; HttpOnly; SameSite=Strict; Max-Age=28800$`),
    );
    expect(sessions.open(known(), true).cookie.reveal()).toMatch(/; Secure$/);
  });

  it('ends after eight hours, whatever the date says', async () => {
    const opened = sessions.open(known(), false);
    clock.jump(-24 * hourMs);
    clock.advance(8 * hourMs - 1);
    expect(await sessions.find(shown(opened))).toBeDefined();
    clock.advance(1);
    expect(await sessions.find(shown(opened))).toBeUndefined();
  });

  it('ends when its credential does, and has what role it has now', async () => {
    let caller: Caller | undefined = { name: 'ann', role: 'admin', rawResources: true };
    const opened = sessions.open({ caller, again: async () => caller }, false);
    caller = { name: 'ann', role: 'viewer', rawResources: false };
    expect((await sessions.find(shown(opened)))?.caller.role).toBe('viewer');
    caller = undefined;
    expect(await sessions.find(shown(opened))).toBeUndefined();
    caller = { name: 'ann', role: 'admin', rawResources: true };
    expect(await sessions.find(shown(opened))).toBeUndefined();
  });

  it('does not end when it cannot be asked about its credential', async () => {
    let away = true;
    const opened = sessions.open(
      {
        ...known(),
        async again() {
          if (away) throw new Error('the store is away');
          return known().caller;
        },
      },
      false,
    );
    await expect(sessions.find(shown(opened))).rejects.toThrow('away');
    away = false;
    expect(await sessions.find(shown(opened))).toBeDefined();
  });

  it('ends when it is told to, and takes its cookie with it', async () => {
    const opened = sessions.open(known(), false);
    expect(sessions.end(opened.id)).toMatch(/=; Path=\/v1; .*Max-Age=0/);
    expect(await sessions.find(shown(opened))).toBeUndefined();
  });

  it('is one of 20 of a name at most, and nobody ends those of another', async () => {
    const bob = sessions.open(known('bob'), false);
    const first = sessions.open(known(), false);
    const rest = Array.from({ length: 20 }, () => sessions.open(known(), false));
    expect(await sessions.find(shown(first))).toBeUndefined();
    for (const one of [...rest, bob]) expect(await sessions.find(shown(one))).toBeDefined();
  });

  it('is one of 500 at most', async () => {
    const first = sessions.open(known('first'), false);
    for (let at = 0; at < 500; at++) sessions.open(known(`name-${at}`), false);
    expect(await sessions.find(shown(first))).toBeUndefined();
  });

  it('prints as redacted', () => {
    expect(JSON.stringify(sessions.open(known(), false))).toMatch(/redacted.*redacted/);
  });
});

describe('a code', () => {
  it('opens once, within a minute', () => {
    const [one, late] = [sessions.invite(known()), sessions.invite(known())];
    expect(isCode(one.code.reveal())).toBe(true);
    expect(sessions.redeem(one.code.reveal())?.caller.name).toBe('ann');
    expect(sessions.redeem(one.code.reveal())).toBeUndefined();
    clock.advance(60_000);
    expect(sessions.redeem(late.code.reveal())).toBeUndefined();
    expect(sessions.redeem('cwp1.x')).toBeUndefined();
  });

  it('is one of 20 of a name at most, and of 500; nobody takes back those of others', () => {
    const [first, others] = [sessions.invite(known()), sessions.invite(known('bob'))];
    for (let at = 0; at < 500; at++) sessions.invite(known());
    expect(sessions.redeem(first.code.reveal())).toBeUndefined();
    expect(sessions.redeem(others.code.reveal())?.caller.name).toBe('bob');
    const oldest = sessions.invite(known('carol'));
    for (let at = 0; at < 500; at++) sessions.invite(known(`somebody-${at}`));
    expect(sessions.redeem(oldest.code.reveal())).toBeUndefined();
  });
});
