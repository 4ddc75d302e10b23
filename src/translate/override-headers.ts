// Headers that frameworks take for the method, or for the path, that was meant: not the ones that rules looked at. In lower case.
import { otherSpellings } from './wire/header-spellings.ts';

export const methodOverrides = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const;
export const pathOverrides = ['x-original-url', 'x-rewrite-url'] as const;

/** Rules look for them in their own spelling: any other is removed before. A regular expression for each: Envoy bounds its length. */
export const otherOverrides: readonly string[] = [...methodOverrides, ...pathOverrides].map(otherSpellings);
