// What operators see of calls, and can prove of them: signals, reports, causes.
import type { Item } from '../item.ts';
import { failingCallsItem } from './failing-calls.ts';

export const observeItems: readonly Item[] = [failingCallsItem];
