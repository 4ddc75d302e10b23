// A service, followed by the name of one of its ports if that has a name: `cell/name`, `cell/name:rest`.

export function portText({ service, port }: { readonly service: string; readonly port?: string | undefined }): string {
  return port === undefined ? service : `${service}:${port}`;
}
