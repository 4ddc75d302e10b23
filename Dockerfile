# Two images. `cellwall` (the last stage, the default): the bundled command and Envoy, non-root. `stand-ins`: the demo's services.
FROM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
COPY tools/node/package.json tools/node/package.json
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:24-slim AS stand-ins
WORKDIR /src
COPY --from=build /src/package.json ./package.json
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/demo ./demo
COPY --from=build /src/protos ./protos
COPY --from=build /src/deploy ./deploy
USER node
ENTRYPOINT ["node", "deploy/compose/stand-in.ts"]

FROM envoyproxy/envoy:v1.40.0 AS envoy

FROM node:24-slim AS cellwall
WORKDIR /opt/cellwall
COPY --from=build /src/package.json /src/LICENSE /src/THIRD_PARTY_NOTICES.md ./
COPY --from=build /src/bin ./bin
COPY --from=build /src/dist ./dist
COPY --from=envoy /usr/local/bin/envoy /usr/local/bin/envoy
RUN ln -s /opt/cellwall/bin/cellwall.cjs /usr/local/bin/cellwall \
  && install -d -o node -g node -m 0700 /var/lib/cellwall /var/lib/cellwall-tokens
USER node
ENV CELLWALL_DATA=/var/lib/cellwall
ENTRYPOINT ["cellwall"]
CMD ["--help"]
