// A certified OpenID provider on this machine: tokens are JWTs for one resource, people sign in with any password.

import crypto from "node:crypto";
import http from "node:http";

import {Provider} from "oidc-provider";

const {PORT, RESOURCE, SECRET, TENANTS} = process.env, tenants = JSON.parse(TENANTS), scope = "ops:read ops:pii";
const {privateKey} = crypto.generateKeyPairSync("rsa", {modulusLength: 2048});
const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  jwks: {keys: [{...privateKey.export({format: "jwk"}), kid: "one", use: "sig", alg: "RS256"}]},
  scopes: ["openid", "offline_access", ...scope.split(" ")],
  clients: [{client_id: "agent", client_secret: SECRET, grant_types: ["client_credentials"], redirect_uris: [], response_types: [], scope, token_endpoint_auth_method: "client_secret_basic"}],
  findAccount: (_, id) => ({accountId: id, claims: async () => ({sub: id})}),
  extraTokenClaims: (_, token) => ({tenant: tenants[token.accountId ?? token.clientId]}),
  pkce: {required: () => true},
  features: {
    clientCredentials: {enabled: true},
    devInteractions: {enabled: true},
    registration: {enabled: true},
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx, client, oneOf) => oneOf,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => {
        if (resource !== RESOURCE) throw Object.assign(Error("invalid_target"), {error: "invalid_target", statusCode: 400, expose: true});
        return {scope, audience: resource, accessTokenFormat: "jwt", accessTokenTTL: 300, jwt: {sign: {alg: "RS256"}}};
      },
    },
  },
});
http.createServer(provider.callback()).listen(Number(PORT), "127.0.0.1", () => console.log("ready"));
