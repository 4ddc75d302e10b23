// The attestors there are, by the name that evidence gives: name → factory. A new one is one file here and one line.
import { createJoinTokenAttestor } from './join-token.ts';
import { createNodeKeyAttestor } from './node-key.ts';

export const attestors = { 'join-token': createJoinTokenAttestor, 'node-key': createNodeKeyAttestor } as const;
