// Where traces of changes go: flags of `serve`, and the variables of OpenTelemetry.
import { type Command, InvalidArgumentError } from 'commander';
import { CellwallError } from '../../lib/errors.ts';
import type { ServeOptions } from '../../serve/serve-options.ts';
import { readSampler, type TracingFlags, tracingOptions } from '../../tracing/trace-options.ts';
import { flag } from './environment.ts';

export function addTracingFlags(command: Command): Command {
  return command
    .addOption(
      flag(
        '--trace-endpoint <url>',
        'a collector of OpenTelemetry traces (OTLP over HTTP), as in http://127.0.0.1:4318',
        {
          env: 'CELLWALL_TRACE_ENDPOINT',
          defaultText: 'what OTEL_EXPORTER_OTLP_ENDPOINT says, else nothing is traced',
        },
      ),
    )
    .addOption(
      flag('--trace-headers-file <file>', 'headers for it: name=value, with commas between them', {
        env: 'CELLWALL_TRACE_HEADERS_FILE',
        defaultText: 'what OTEL_EXPORTER_OTLP_HEADERS says',
      }),
    )
    .addOption(
      flag('--trace-ca <file>', 'PEM file of the CA of its certificate', {
        env: 'CELLWALL_TRACE_CA',
        defaultText: "what OTEL_EXPORTER_OTLP_CERTIFICATE says, else the system's",
      }),
    )
    .addOption(
      flag('--trace-sampler <name>', 'which changes are traced, as in parentbased_traceidratio=0.1', {
        env: 'CELLWALL_TRACE_SAMPLER',
        defaultText: 'what OTEL_TRACES_SAMPLER says, else parentbased_always_on',
        parse: refusing(readSampler),
      }),
    );
}

/** Ends the command with exit code 2 for flags that do not go together. */
export function tracingOf(
  options: TracingFlags,
  env: Readonly<Record<string, string | undefined>>,
  command: Command,
): Pick<ServeOptions, 'tracing'> {
  try {
    const tracing = tracingOptions(options, env);
    return tracing === undefined ? {} : { tracing };
  } catch (reason) {
    return command.error(`error: ${CellwallError.from(reason).message}`, { exitCode: 2 });
  }
}

function refusing(read: (text: string) => string) {
  return (text: string): string => {
    try {
      return read(text);
    } catch (reason) {
      throw new InvalidArgumentError(CellwallError.from(reason).message);
    }
  };
}
