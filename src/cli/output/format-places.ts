// A list of documents as text: the first few, and how many more there are.
import { placeText } from '../../model/place-text.ts';

const shown = 2;

/** "-" if there are none. */
export function formatPlaces(places: readonly Parameters<typeof placeText>[0][]): string {
  if (places.length === 0) return '-';
  const first = places.slice(0, shown).map(placeText).join(', ');
  return places.length > shown ? `${first} and ${places.length - shown} more` : first;
}
