import jwt from 'jsonwebtoken'
import jwksClient from 'jwks-rsa'

const { ISSUER, AUDIENCE } = process.env
const client = jwksClient({ jwksUri: `${ISSUER}/.well-known/jwks.json`, cacheMaxAge: 600_000, rateLimit: true })

export async function verify(token) {
  const decoded = jwt.decode(token, { complete: true })
  if (decoded?.header.typ !== 'at+jwt') throw new Error('not an access token')
  const key = await client.getSigningKey(decoded.header.kid)
  return jwt.verify(token, key.getPublicKey(), {
    algorithms: ['ES256'],
    issuer: ISSUER,
    audience: AUDIENCE,
  })
}
