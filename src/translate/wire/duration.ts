// Milliseconds, as the IR has them, as google.protobuf.Duration.
import { create } from '@bufbuild/protobuf';
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';

/** Rounded to whole milliseconds; must not be negative. */
export function duration(ms: number): Duration {
  const whole = Math.round(ms);
  return create(DurationSchema, { seconds: BigInt(Math.floor(whole / 1000)), nanos: (whole % 1000) * 1_000_000 });
}
