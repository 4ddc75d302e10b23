// A service's document with its place, for whoever has to edit it.
import type { ServiceIr } from '../../policy/ir.ts';

export function documentOf(service: ServiceIr | undefined): string | undefined {
  return service === undefined ? undefined : `Service/${service.key} ${service.source.file}:${service.source.line}`;
}
