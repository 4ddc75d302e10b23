// What a runner believes of the file that GitLab Runner has of a job, which users jobs are given, and where their sockets can be.
import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Redacted } from '../../src/lib/redacted.ts';
import { checkLength, leftBehind, makeFolder, socketOf } from '../../src/sidecar/runner/job-folder.ts';
import { endOf, readJobResponse } from '../../src/sidecar/runner/job-response.ts';
import { createJobUsers } from '../../src/sidecar/runner/job-users.ts';
import '../support/seed.ts';

const tokenOf = (claims: object): string => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.AAAA`;
const response = (variables: unknown, more: object = {}): string =>
  JSON.stringify({ id: 7, job_info: { project_id: 42 }, variables, ...more });
const variable = (value: unknown, key = 'TOKEN') => ({ key, value });
const own = tokenOf({ job_id: '7', project_id: '42', job_project_id: '42', exp: 100 });

describe('what GitLab Runner has of a job', () => {
  it('names it, its project, and its own token alone', () => {
    expect(readJobResponse(response([variable('x', 'PATH'), variable(own)]), 'TOKEN')).toEqual({
      ...{ job: '7', project: '42' },
      token: new Redacted(own),
    });
    expect(readJobResponse(response([variable(own)]))).toEqual({ job: '7', project: '42' });
    expect(readJobResponse(response([variable(own, 'OTHER'), variable(''), null, 7]), 'TOKEN')).not.toHaveProperty(
      'token',
    );
    expect(readJobResponse(response('none'), 'TOKEN')).not.toHaveProperty('token');
    // A variable of the project has the same name: it may come before, or after.
    const foreign = variable(tokenOf({ job_id: '8', project_id: '42' }));
    for (const variables of [
      [foreign, variable(own)],
      [variable(own), foreign],
    ]) {
      expect(readJobResponse(response(variables), 'TOKEN').token?.reveal()).toBe(own);
    }
    expect(endOf(new Redacted(own))).toBe(100_000);
    expect(endOf(new Redacted('no token'))).toBe(0);
  });

  it.each([
    ['the token of another job', tokenOf({ job_id: '8', project_id: '42' })],
    ['one of another project', tokenOf({ job_id: '7', project_id: '43' })],
    ['no token', 'hunter2'],
    ['nothing in it', 'a.b.c'],
    ['a list', 'e30.W10.AAAA'],
  ])('it is not believed with %s', (_, value) => {
    const reading = () => readJobResponse(response([variable(value)]), 'TOKEN');
    expect(reading).toThrow(expect.objectContaining({ code: 'permission_denied' }));
    expect(reading).toThrow(/^(?!.*hunter2)/);
  });

  it('nothing but numbers names a job or a project: they become names of folders', () => {
    const odd: fc.Arbitrary<unknown> = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.jsonValue({ maxDepth: 1 }),
      fc.double(),
    );
    fc.assert(
      fc.property(odd, odd, fc.boolean(), (id, project_id, isRaw) => {
        const text = isRaw ? String(id) : JSON.stringify({ id, job_info: { project_id } });
        try {
          const { job, project } = readJobResponse(text);
          expect(`${job} ${project}`).toMatch(/^[1-9]\d{0,18} [1-9]\d{0,18}$/);
        } catch (reason) {
          expect(reason).toMatchObject({ code: 'invalid_argument' });
        }
      }),
    );
    for (const id of ['../7', '7/..', '7\u0000', ' 7', '07', '0', -1, 1e30, [7, 8], {}, null, undefined, true]) {
      expect(() => readJobResponse(JSON.stringify({ id, job_info: { project_id: 42 } })), String(id)).toThrow();
    }
  });
});

describe('users of jobs', () => {
  it('each job has one of its own, in turn, under which nothing runs', () => {
    const running = new Set([11]);
    const users = createJobUsers({ from: 10, to: 13 }, () => running);
    expect([users.take(), users.take(), users.take()]).toEqual([10, 12, 13]);
    expect(() => users.take()).toThrow(expect.objectContaining({ code: 'resource_exhausted' }));
    users.free(12);
    running.add(12);
    expect(() => users.take()).toThrow(expect.objectContaining({ code: 'resource_exhausted' }));
    running.delete(12);
    expect(users.take()).toBe(12);
    users.free(10);
    users.free(13);
    expect([users.take(), users.take()]).toEqual([13, 10]);
  });

  it('those of an earlier process are kept, if they are of these', () => {
    const users = createJobUsers({ from: 10, to: 12 }, () => new Set());
    expect([9, 10, 12, 13].map(users.keep)).toEqual([false, true, true, false]);
    expect(users.take()).toBe(11);
  });

  it('knows which users have processes', () => {
    const own = process.getuid?.() ?? 0;
    expect(() => createJobUsers({ from: own, to: own }).take()).toThrow(/has a job or a process/);
  });
});

describe('folders of jobs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-folders-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are in a folder in which every socket can be', () => {
    const fits = `/${'a'.repeat(77)}`;
    expect(() => checkLength(fits)).not.toThrow();
    expect(Buffer.byteLength(socketOf(fits, '9'.repeat(19)).path)).toBe(107);
    for (const wrong of [`/${'a'.repeat(78)}`, `/${'ä'.repeat(40)}`, 'run', '/a\nb', '/a\u202eb']) {
      expect(() => checkLength(wrong), wrong).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    }
  });

  it('are made anew, without following what is there, and their sockets are gone after a crash', () => {
    const [victim, job] = [join(folder, 'victim'), join(folder, '7')];
    mkdirSync(victim);
    writeFileSync(join(victim, 'file'), 'kept');
    symlinkSync(victim, job);
    makeFolder(job, undefined);
    expect(lstatSync(job).isDirectory()).toBe(true);
    expect(lstatSync(join(victim, 'file')).isFile()).toBe(true);
    mkdirSync(join(folder, 'runner.lock.d'));
    writeFileSync(socketOf(folder, '7').path, '');
    expect(leftBehind(folder)).toEqual([{ job: '7', gid: process.getgid?.() }]);
    expect(lstatSync(socketOf(folder, '7').path, { throwIfNoEntry: false })).toBeUndefined();
  });
});
