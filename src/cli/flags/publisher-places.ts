// `--publish KIND:PLACE`, repeatable; in the variable, separated by spaces.
import type { Command } from 'commander';
import { publishers } from '../../identity/publisher/catalog.ts';
import type { PublisherPlace } from '../../identity/publisher/publishers.ts';

/** Each is a label of metrics, and checked once a minute. */
const maxPlaces = 16;

/** The place is parsed by its publisher, once the control plane starts. */
export function publisherPlaces(
  given: string | readonly string[] = [],
  command: Command,
): { readonly publish?: readonly PublisherPlace[] } {
  const texts = typeof given === 'string' ? given.split(/\s+/).filter((text) => text !== '') : given;
  const refuse = (message: string): never =>
    command.error(`error: --publish: ${message}`, { exitCode: 2, code: 'commander.invalidArgument' });
  if (texts.length > maxPlaces) return refuse(`${texts.length} places, ${maxPlaces} at most`);
  const publish = texts.map((text, index): PublisherPlace => {
    const [, kind = '', place = ''] = /^([a-z0-9-]+):(.+)$/s.exec(text) ?? [];
    if (!Object.hasOwn(publishers, kind)) {
      return refuse(
        `not KIND:PLACE, as in directory:/srv/trust: ${JSON.stringify(text)}; kinds: ${Object.keys(publishers).join(', ')}`,
      );
    }
    return texts.indexOf(text) === index ? { kind, place } : refuse(`${JSON.stringify(text)} is named twice`);
  });
  return publish.length === 0 ? {} : { publish };
}
