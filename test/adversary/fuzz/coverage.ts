// How much of a file the cases ran through, by V8's own counts: of the bytes inside its functions, those that ran.
import { type Profiler, Session } from 'node:inspector/promises';

export interface Coverage {
  /** Percent of each file, whole numbers. A file that was not loaded is left out. */
  of(files: readonly string[]): Promise<readonly (readonly [file: string, percent: number])[]>;
}

export async function startCoverage(): Promise<Coverage> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
  return {
    async of(files) {
      const { result } = await session.post('Profiler.takePreciseCoverage');
      session.disconnect();
      return files.flatMap((file) => {
        const script = result.find(({ url }) => url.split('?')[0]?.endsWith(`/${file}`) === true);
        return script === undefined ? [] : [[file, percentOf(script.functions)] as const];
      });
    },
  };
}

/** Ranges nest: the innermost says whether a byte ran. */
function percentOf(functions: readonly Profiler.FunctionCoverage[]): number {
  const ranges = functions.filter(
    ({ functionName, isBlockCoverage, ranges }) => functionName !== '' || isBlockCoverage || ranges.length > 1,
  );
  const inside = ranges.flatMap(({ ranges }) => ranges).filter(({ startOffset }) => startOffset > 0);
  const end = Math.max(0, ...inside.map(({ endOffset }) => endOffset));
  const ran = new Int8Array(end).fill(-1);
  const outermostFirst = inside.toSorted(
    (one, other) => other.endOffset - other.startOffset - (one.endOffset - one.startOffset),
  );
  for (const { startOffset, endOffset, count } of outermostFirst) ran.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  const counted = ran.filter((value) => value >= 0).length;
  return counted === 0 ? 0 : Math.round((100 * ran.filter((value) => value === 1).length) / counted);
}
