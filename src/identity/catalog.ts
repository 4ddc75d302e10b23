// The authorities there are: name → factory. A new one is one file in ca/ and one line here.
import { createBuiltInAuthority } from './ca/built-in.ts';

export const authorities = { 'built-in': createBuiltInAuthority } as const;
