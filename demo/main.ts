// `npm run demo`: starts everything, tells the story, and leaves nothing behind. Exit 0 only if every step held.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createProcesses, tail } from './house/processes.ts';
import { startWorld, type World } from './house/world.ts';
import { type EnvoysAtEnd, lookAtEnvoys } from './story/all-envoys.ts';
import { type Coverage, pageOf, tellCoverage } from './story/coverage.ts';
import { type StepResult, tellStory } from './story/story.ts';
import { createTell } from './story/tell.ts';
import { tryNext } from './story/try-next.ts';

const usage = `npm run demo [-- --json] [-- --keep] [-- --quick] [-- --requests-each NUMBER] [-- --store redis]
  --json   one object as the last line of stdout; everything else goes to stderr
  --keep   leave it running until Ctrl-C, and say what to try next
  --quick  fewer repetitions and less load
  --requests-each NUMBER
           step 6 goes on until each protocol has sent so many requests
  --store redis
           the documents are kept in a Valkey of its own; by default in a directory
`;

async function main(): Promise<number> {
  const { values, store, requestsEach } = readArguments();
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const output = values.json ? process.stderr : process.stdout;
  const tell = createTell({
    write: (text) => output.write(text),
    color: output.isTTY === true && process.env['NO_COLOR'] === undefined,
  });
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-demo-'));
  const processes = createProcesses();
  const interrupted = new Promise<'interrupted'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve('interrupted'));
  });
  let ok = false;
  let steps: readonly StepResult[] = [];
  let envoys: EnvoysAtEnd | undefined;
  let coverage: Coverage | undefined;
  let page = '';
  let error: string | undefined;
  const play = async (): Promise<World> => {
    tell.heading('Cellwall: the wall stands');
    const world = await startWorld({
      folder,
      processes,
      tell,
      quick: values.quick,
      store,
      ...(requestsEach === undefined ? {} : { requestsEach }),
    });
    steps = await tellStory(world, tell);
    if (steps.every((step) => step.ok)) {
      envoys = await lookAtEnvoys(world, tell);
      coverage = await tellCoverage(world, tell);
      tell.show(coverage.report);
      page = await pageOf(world);
      ok = true;
    }
    return world;
  };
  try {
    const world = await Promise.race([play(), interrupted]);
    const ms = Math.round(performance.now() - started);
    if (world === 'interrupted') error = 'interrupted';
    else tell.heading(ok ? `Every step held, in ${(ms / 1000).toFixed(1)} s.` : 'A step did not hold.');
    if (ok && !values.keep) tell.note(`The page was at ${page}: npm run demo -- --keep leaves it there, to look at.`);
    if (world !== 'interrupted' && ok && values.keep) {
      if (values.json) printJson({ ok, ms, steps, ...(envoys && { envoys }), coverage: coverage?.figures });
      output.write(tryNext(world, coverage?.files));
      await interrupted;
      return 0;
    }
  } catch (reason) {
    error = reason instanceof Error ? reason.message : String(reason);
    tell.failed(error);
  } finally {
    if (!ok && error !== 'interrupted') {
      for (const child of processes.all()) {
        const last = tail(child, 6);
        if (last !== '') output.write(`\n--- ${child.name}: ${child.logFile}\n${last}\n`);
      }
    }
    await processes.stop();
    if (ok || error === 'interrupted') rmSync(folder, { recursive: true, force: true });
    else output.write(`\nthe logs stay in ${folder}\n`);
  }
  const ms = Math.round(performance.now() - started);
  const more = { ...(envoys && { envoys }), ...(coverage && { coverage: coverage.figures }) };
  if (values.json) printJson({ ok, ms, steps, ...more, ...(error === undefined ? {} : { error }) });
  return ok ? 0 : error === 'interrupted' ? 130 : 1;
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        'requests-each': { type: 'string' },
        store: { type: 'string', default: 'directory' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const store = storeOf(values.store);
    const each = values['requests-each'];
    if (each === undefined) return { values, store };
    if (!/^[1-9]\d{0,6}$/.test(each))
      throw new Error(`--requests-each ${each}: a whole number is expected, 9999999 at most`);
    return { values, store, requestsEach: Number(each) };
  } catch (reason) {
    process.stderr.write(`${reason instanceof Error ? reason.message : String(reason)}\n${usage}`);
    process.exit(2);
  }
}

function storeOf(name: string): 'directory' | 'redis' {
  if (name === 'directory' || name === 'redis') return name;
  throw new Error(`--store ${name}: directory, or redis`);
}

function printJson(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

process.exitCode = await main();
// Whatever still waits (a story that was interrupted) ends here; stdout is written first.
process.stdout.write('', () => process.exit());
