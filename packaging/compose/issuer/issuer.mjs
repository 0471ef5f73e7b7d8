// An issuer for trying sign-in on one machine: a real OpenID Connect provider whose accounts are any name with any password.
import { generateKeyPairSync } from "node:crypto";
import { Provider } from "oidc-provider";

const { ADDRESS = "http://localhost:9000", AUDIENCE = "http://localhost:8000/mcp", HOST = "127.0.0.1" } = process.env;
const SCOPES = "ops:read ops:pii";
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

function forThisServerAlone(_, resource) {
  if (resource !== AUDIENCE) {
    throw Object.assign(new Error(`only ${AUDIENCE} is known here`), { error: "invalid_target", statusCode: 400, expose: true });
  }
  return { scope: SCOPES, audience: AUDIENCE, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg: "RS256" } } };
}

const provider = new Provider(ADDRESS, {
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "try", use: "sig", alg: "RS256" }] },
  scopes: ["openid", "offline_access", ...SCOPES.split(" ")],
  clients: [
    {
      client_id: "agent", // a program with credentials of its own
      client_secret: "agent-secret",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      scope: SCOPES,
    },
  ],
  findAccount: (_, name) => ({ accountId: name, claims: () => ({ sub: name }) }),
  extraTokenClaims: () => ({ tenant: "demo" }),
  pkce: { required: () => true },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true }, // the sign-in page
    registration: { enabled: true }, // MCP clients make themselves known
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      useGrantedResource: () => true,
      getResourceServerInfo: forThisServerAlone,
    },
  },
});

provider.listen(Number(new URL(ADDRESS).port), HOST, () => console.log(`Issuer at ${ADDRESS}`));
