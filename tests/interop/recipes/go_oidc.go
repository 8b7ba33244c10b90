package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

type Claims struct {
	Subject  string `json:"sub"`
	Username string `json:"preferred_username"`
	Scope    string `json:"scope"`
}

func NewVerifier(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	provider, err := oidc.NewProvider(ctx, os.Getenv("ISSUER"))
	if err != nil {
		return nil, err
	}
	config := oidc.Config{ClientID: os.Getenv("AUDIENCE"), SupportedSigningAlgs: []string{oidc.ES256}}
	return provider.Verifier(&config), nil
}

// The library calls it an ID token, and checks signature, issuer, audience and expiry.
func Verify(ctx context.Context, verifier *oidc.IDTokenVerifier, token string) (Claims, error) {
	var claims Claims
	verified, err := verifier.Verify(ctx, token)
	if err != nil {
		return claims, err
	}
	if !isAccessToken(token) {
		return claims, errors.New("not an access token")
	}
	return claims, verified.Claims(&claims)
}

func isAccessToken(token string) bool {
	var header struct {
		Type string `json:"typ"`
	}
	decoded, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	return err == nil && json.Unmarshal(decoded, &header) == nil && header.Type == "at+jwt"
}
