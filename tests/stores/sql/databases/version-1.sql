BEGIN TRANSACTION;
CREATE TABLE watchword_accounts (
	subject TEXT NOT NULL, 
	username TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	password_hash TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	credentials_version INTEGER NOT NULL, 
	created_at DOUBLE NOT NULL, 
	PRIMARY KEY (subject), 
	UNIQUE (name_key)
);
INSERT INTO "watchword_accounts" VALUES('uKfZoBkwJRcZ-mUIiM0S8g','Alice','alice','$argon2id$v=19$m=65536,t=3,p=4$00vxfRa+G6ww8N63YiTGjQ$F0bF8tsHw08IfrzZ2MPouyrpLiNb885Kx6l/ev4SxlI','read write',0,1,1.7955730980534391403e+09);
CREATE TABLE watchword_keys (
	kind TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	kid TEXT NOT NULL, 
	sealed TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	PRIMARY KEY (kind, epoch), 
	UNIQUE (kid)
);
INSERT INTO "watchword_keys" VALUES('public',1,'j5ye9s8EtH3_eltO9n6LkZhhoIVQgFFGeekBYJT_8Tc','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiajV5ZTlzOEV0SDNfZWx0TzluNkxrWmhob0lWUWdGRkdlZWtCWUpUXzhUYyIsImtpbmQiOiJwdWJsaWMiLCJlcG9jaCI6MX0..46twen6AJYNWr4mp.0k6zm3s6vXnV9dC2Rxzp2NaVWoYGAFwFXM2XcKKfJIT2ebgFxEpw1EQn2dXncA-tOrq0gxYGYIj8eidI9RpSDzYyo9dwnHrnAdUlPLqInvQa_GW2e6u4E1_T1JZW7CfbcVUuK9Xwc1b6Tlc44dtRLObq0XGfB4YvN1knGYPOErYr1r0SqtJtPSO59b_luvllA00MapAMyF7lAc2pH7KfiuYJv_090Qrp515oVQ_34Duu9PYCiJQlRs_kXKblGBw1c0fy.5QUhouf9Quxtjg8b7RsU6Q',1.79557309765345430368e+09);
INSERT INTO "watchword_keys" VALUES('internal',1,'UqA0Zr6qWqfjvo_xokzBjg','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiVXFBMFpyNnFXcWZqdm9feG9rekJqZyIsImtpbmQiOiJpbnRlcm5hbCIsImVwb2NoIjoxfQ..yYisvETuqUefyFjY.CtI3QzB7j-kEkqhrPkukadLM3pI4v4P9bQJs0fphv5j9iTW9dR7q_xltmtyU0LRvRdIZjGInsuLS2W2hRkq5mhQso7m3gLlsSHEOZQV0aymduHIFYDyC-HNSXOmRkfVqCgUXR7NGV6I5cixx.ydDcAQ285zniQIM5gvoJLg',1.7955730976574459076e+09);
CREATE TABLE watchword_remembered (
	"key" TEXT NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "watchword_remembered" VALUES('key',1.79557409810011816024e+09);
CREATE TABLE watchword_sessions (
	id TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	username TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	generation BIGINT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	authenticated_at DOUBLE NOT NULL, 
	refreshed_at DOUBLE, 
	access_until DOUBLE NOT NULL, 
	expires_at DOUBLE NOT NULL, 
	ended_at DOUBLE, 
	end_reason TEXT, 
	user_agent TEXT, 
	ip_address TEXT, 
	end_sequence BIGINT, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "watchword_sessions" VALUES('YdGYSqHvbmUBkAsmayHezg','uKfZoBkwJRcZ-mUIiM0S8g','Alice','read',2,1.79557309806523489954e+09,1.79557309806523489954e+09,1.79557309808159947395e+09,1795573698.0,1796782698.0,NULL,NULL,'firefox','192.0.2.2',NULL,1796783118.0);
INSERT INTO "watchword_sessions" VALUES('4YJfjqHBFHmHgOFiDbpCSQ','uKfZoBkwJRcZ-mUIiM0S8g','Alice','',1,1.79557309807722258569e+09,1.79557309807722258569e+09,NULL,1795573698.0,1796782698.0,1.79557309808968734742e+09,'logout',NULL,NULL,1,1795574118.0);
CREATE TABLE watchword_store (
	id INTEGER NOT NULL, 
	schema_version INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	end_sequence BIGINT NOT NULL, 
	key_version BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "watchword_store" VALUES(1,1,'b8d243a44b2108e46862efdeab2c5639',1,2);
CREATE TABLE watchword_throttles (
	"key" TEXT NOT NULL, 
	charges INTEGER NOT NULL, 
	blocked_until DOUBLE NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "watchword_throttles" VALUES('key',1,1.79557309909738731386e+09,1.79557409809738731387e+09);
CREATE INDEX ix_watchword_sessions_end_sequence ON watchword_sessions (end_sequence);
CREATE INDEX ix_watchword_sessions_subject ON watchword_sessions (subject);
CREATE INDEX ix_watchword_sessions_keep_until ON watchword_sessions (keep_until);
CREATE INDEX ix_watchword_throttles_keep_until ON watchword_throttles (keep_until);
CREATE INDEX ix_watchword_remembered_keep_until ON watchword_remembered (keep_until);
COMMIT;
