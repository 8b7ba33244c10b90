import * as oauth from 'oauth4webapi'

const { ISSUER, AUDIENCE } = process.env
const issuer = new URL(ISSUER)
// For an issuer on http://localhost only. Leave it out for https.
const options = { [oauth.allowInsecureRequests]: issuer.protocol === 'http:' }

const discovery = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options })
const server = await oauth.processDiscoveryResponse(issuer, discovery)

export async function authenticate(request) {
  return oauth.validateJwtAccessToken(server, request, AUDIENCE, { ...options, signingAlgorithms: ['ES256'] })
}

const client = { client_id: 'watchword' } // WATCHWORD_CLIENT_ID

export async function refresh(refreshToken) {
  const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), refreshToken, options)
  return oauth.processRefreshTokenResponse(server, client, response)
}

export async function revoke(token) {
  const response = await oauth.revocationRequest(server, client, oauth.None(), token, options)
  await oauth.processRevocationResponse(response)
}
