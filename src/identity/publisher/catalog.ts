// The available publishers, by the kind in `--publish KIND:PLACE`. A new one is one file here and one line.
import type { PublisherFactory } from './publisher.ts';

/** Loaded when chosen, so that unused ones cost nothing. */
export const publishers = {
  directory: async () => (await import('./directory.ts')).createDirectoryPublisher,
} as const satisfies Readonly<Record<string, () => Promise<PublisherFactory>>>;
