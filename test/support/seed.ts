// Property tests try the same inputs in every run, so that a change alone can make one fail. `CELLWALL_SEED=random` looks for
// new ones, and a number repeats what it found.
import fc from 'fast-check';

const told = process.env['CELLWALL_SEED'];
if (told !== 'random') {
  const seed = Number(told ?? 20_261_122);
  if (!Number.isInteger(seed)) throw new Error(`CELLWALL_SEED=${told}: an integer or "random" is expected`);
  fc.configureGlobal({ seed });
}
