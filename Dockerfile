# The dashboard in a container: built with everything, run with what it needs, as a user without rights.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json vite.config.ts ./
COPY scripts scripts
COPY shared shared
COPY library library
COPY server server
COPY client client
COPY console console
RUN npm run build && npm prune --omit=dev

FROM node:20-bookworm-slim
ENV NODE_ENV=production DASHBOARD_HOST=0.0.0.0 DASHBOARD_DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY sql sql
COPY LICENSE ./
# The embedded database, where it is used, lives here; it is the only place that is written to.
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 8050
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:'+(process.env.DASHBOARD_PORT||8050)+'/api/health/live').then(r=>process.exit(r.ok?0:1),()=>process.exit(1))"]
# Without npm or a shell in between, so that SIGTERM arrives.
ENTRYPOINT ["node", "bin/alphapulse-dashboard.mjs"]
CMD ["serve"]
