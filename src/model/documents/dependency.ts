// What a service calls, and where its own application reaches it: one item of a Service's dependsOn.
import { z } from 'zod';
import { nameSchema, portSchema, serviceRefSchema } from './common.ts';

/**
 * sun_path has 108 bytes, one of them for the terminator. Envoy removes what is there before it listens: so the name must look like a
 * socket.
 */
const socketSchema = z
  .string()
  .max('unix:'.length + 107)
  .regex(/^unix:(?:\/(?!\.{1,2}\/)[A-Za-z0-9._@~+-]+)+\.sock$/, {
    error:
      'neither a loopback port (just a number, without quotes: 9000) nor a socket (unix:, then an absolute ' +
      'path that ends in .sock: unix:/run/web/api.sock)',
  });

const label = '[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?';
const hostSchema = z
  .string()
  .max(253)
  .regex(new RegExp(`^(\\*|(\\*\\.)?${label}(\\.${label})*)$`), {
    error: 'not a host name: lower case, without a port, as in gitlab.example.com, *.example.com, or * for any',
  });

export const dependencySchema = z.strictObject({
  service: serviceRefSchema,
  port: nameSchema.optional().describe('Which of its ports. Default: the only one, or the one named `default`.'),
  listen: z
    .union([portSchema, socketSchema], { error: 'neither a port nor unix:/path.sock' })
    .describe(
      'The loopback port on which its own application reaches that service, open to everybody on that ' +
        'host; or a socket, `unix:/run/web/api.sock`, open to those whom its mode and folder let in.',
    ),
  mode: z
    .enum(['0600', '0660', '0666'], { error: "the socket's mode, in quotes: '0600', '0660' or '0666'" })
    .optional()
    .describe(
      "Mode of the socket, in quotes. Default: `'0600'`, the user of the sidecar; `'0660'`, also that user's group.",
    ),
  hosts: z
    .array(hostSchema)
    .max(100)
    .default([])
    .describe(
      'Host names by which the application may call it over HTTP on the port, besides 127.0.0.1, [::1] ' +
        'and names without a dot; `*.example.com` and `*` are possible. Others are refused, as a web page ' +
        'may have led a browser there (DNS rebinding).',
    ),
});
