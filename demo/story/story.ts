// The steps in order, each under a watchdog; the first one that does not hold ends the story.
import type { World } from '../house/world.ts';
import { permissive } from './1-permissive.ts';
import { everyCaller } from './2-every-caller.ts';
import { strict } from './3-strict.ts';
import { authorization } from './4-authorization.ts';
import { urgentDeny } from './5-urgent-deny.ts';
import { rotation } from './6-rotation.ts';
import { controlPlaneKilled } from './7-control-plane-killed.ts';
import { oneOfTwoKilled } from './7-one-of-two-killed.ts';
import { brokenPolicy } from './8-broken-policy.ts';
import { cutOver } from './9-cut-over.ts';
import { field } from './10-field.ts';
import { ciJob } from './11-ci-job.ts';
import { beginDownload, type LongDownload } from './long-download.ts';
import type { Figures, Step } from './step.ts';
import type { Tell } from './tell.ts';

function createSteps({ controlPlanes }: World): readonly Step[] {
  let downloaded = (): Promise<LongDownload> => Promise.reject(new Error('the download was not begun'));
  return [
    permissive,
    everyCaller,
    strict,
    authorization,
    urgentDeny,
    rotation,
    controlPlanes.length > 1 ? oneOfTwoKilled : controlPlaneKilled,
    {
      ...brokenPolicy,
      async run(world, tell) {
        downloaded = await beginDownload(world);
        return brokenPolicy.run(world, tell);
      },
    },
    cutOver,
    field(() => downloaded()),
    ciJob,
  ];
}

export type StepResult = Figures & { readonly name: string; readonly ok: boolean; readonly ms: number };

export async function tellStory(
  world: World,
  tell: Tell,
  story: readonly Step[] = createSteps(world),
): Promise<readonly StepResult[]> {
  const results: StepResult[] = [];
  for (const step of story) {
    const result = await runStep(step, world, tell);
    results.push(result);
    if (!result.ok) break;
  }
  return results;
}

async function runStep({ name, title, withinMs, run }: Step, world: World, tell: Tell): Promise<StepResult> {
  tell.heading(title);
  const started = performance.now();
  const ms = (): number => Math.round(performance.now() - started);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${withinMs / 1000} s`)), withinMs);
  });
  try {
    const figures = await Promise.race([run(world, tell), late]);
    tell.note(`${ms()} ms`);
    return { name, ok: true, ms: ms(), ...figures };
  } catch (reason) {
    const error = reason instanceof Error ? reason.message : String(reason);
    tell.failed(error);
    return { name, ok: false, ms: ms(), error };
  } finally {
    clearTimeout(timer);
  }
}
