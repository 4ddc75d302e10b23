// Headers that frameworks use in place of the method or the path that rules looked at. In lower case.
import { otherSpellings } from './wire/header-spellings.ts';

export const methodOverrides = ['x-http-method-override', 'x-http-method', 'x-method-override'] as const;
export const pathOverrides = ['x-original-url', 'x-rewrite-url'] as const;

/** Rules look for them in their canonical spelling: any other is removed before. One regular expression each: Envoy limits its length. */
export const otherOverrides: readonly string[] = [...methodOverrides, ...pathOverrides].map(otherSpellings);
