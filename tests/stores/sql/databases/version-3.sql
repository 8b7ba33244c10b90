-- refresh token of the live session: eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCIsImtpZCI6Ii03dWk2QTZDTGlxbTFFSkNBNmNTbUEifQ.eyJpc3MiOiJ3YXRjaHdvcmQiLCJzdWIiOiJwNUFKRm9KSmJBZmZHQjRnLXAxR25nIiwiYXVkIjoid2F0Y2h3b3JkIiwiaWF0IjoxNzk2MDQzNzM2LCJleHAiOjE3OTcyNTMzMzYsImp0aSI6IjZwbUhjV1BfMWRXeUNLUE5QUl9fUXciLCJzaWQiOiJVenlSc0VOdm9oYktYY0hhdUpiQWZBOCIsImdlbiI6Mn0.W4L0Ly2Fe5wUaKyHEhbCrI58KBr4oloF9UR1OyVM6oo
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
INSERT INTO "watchword_accounts" VALUES('p5AJFoJJbAffGB4g-p1Gng','Alice','alice','$argon2id$v=19$m=65536,t=3,p=4$9f1gqWd00PdPzf5MWKV8sQ$GfhXi9DQfRzxmkAr7o/YQ5ncejvQ+EUV4J4//FdKpjw','read write',0,1,1.79604373659366631501e+09);
CREATE TABLE watchword_keys (
	kind TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	kid TEXT NOT NULL, 
	alg TEXT NOT NULL, 
	sealed TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	signs_from DOUBLE NOT NULL, 
	compromised_at DOUBLE, 
	PRIMARY KEY (kind, epoch), 
	UNIQUE (kid)
);
INSERT INTO "watchword_keys" VALUES('public',1,'9Mml6nUIh6BUYrVDl1alK0ABVKLy3TZ1hzNkexpUoXw','EdDSA','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiOU1tbDZuVUloNkJVWXJWRGwxYWxLMEFCVktMeTNUWjFoek5rZXhwVW9YdyIsImtpbmQiOiJwdWJsaWMiLCJlcG9jaCI6MX0..38za-W84jjKT3WRx.OyoJNDw3oy4dXbpAbispTop8iMgmPbZSHaeCeT59U9FlNCktZEVshlGBN6ybckr-z8GweCaxufnF4x2w7-B6hqSjsV66Y9ZgF4_2dSY8dlvt7arMFKx29hBpIVZtQWGGeqndXVMvnXcgKmH7nnrPhy-Eha5QxLRWRs-4TShUvD84EhlyiJFj3xPecK9auZ3cFCkgMvJ3LeltBwPWLj4HqGVywnOj_kFlyHBNvePYMdX9435ZLYQ1hXpqseq-9PYFmQRo.Cj7mDbYkj0TR7SH_axnwVw',1.79604373621804666518e+09,1.79604373621804666518e+09,NULL);
INSERT INTO "watchword_keys" VALUES('internal',1,'-7ui6A6CLiqm1EJCA6cSmA','HS256','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiLTd1aTZBNkNMaXFtMUVKQ0E2Y1NtQSIsImtpbmQiOiJpbnRlcm5hbCIsImVwb2NoIjoxfQ..JBH8upvIDrOr-eSv.MA0uAI81I3DJC0MqZiZkJub6duJ-xwlA8oXgvZeWczlthAuGSb6pLpY6diV23PEYprdsqP7Q8gaiLQC1tWCLD1k-_DwSIsPmIl-UBWhVGrgxaqwMlzoFgjZ8NiP_SY0Q-d_fAftVfFyQXt_B.iZW-387iw5kLhSMaxxQ_ng',1.79604373622411155704e+09,1.79604373622411155704e+09,NULL);
INSERT INTO "watchword_keys" VALUES('public',2,'Z62bv9a_mMq_oRqT48VFvdWKygzhVXQThYHJX-Tki9U','EdDSA','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiWjYyYnY5YV9tTXFfb1JxVDQ4VkZ2ZFdLeWd6aFZYUVRoWUhKWC1Ua2k5VSIsImtpbmQiOiJwdWJsaWMiLCJlcG9jaCI6Mn0..ibSVwdnez-QEkzsS.iv1SnXEvxo8IDxYZp2KhvNXHiA54NUaxluiAiCymQBQrEODjL262DcPsIMQukMqEBYs51pu0RS7M2ecxic1H_2_Bnkzo_myl0UTYSKsp9pWzUSYDYgV8ckSie2o3O_8Pto6IR630gKVb-2bMxrB-gJz-dN1swD4Gbia7bTVK-w1EQ-sS_RAk-qMtbaOzbmJOqG3UsE8tga4bUjOt6awBCWwANnJkIDN_8UyCmcTmZQgUOnWp_jFft4zreKmpTOpJrjAK.c0yBMg53nOrkMp68DpqwZg',1.79604373623120594028e+09,1.79863573621804666517e+09,NULL);
INSERT INTO "watchword_keys" VALUES('internal',2,'FyNROmxInhBAaWKUNgPhSQ','HS256','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiRnlOUk9teEluaEJBYVdLVU5nUGhTUSIsImtpbmQiOiJpbnRlcm5hbCIsImVwb2NoIjoyfQ..5VC3OD_8_u4QtsZG.uNr57WuiG0Dz-WzhELDf6EhoGERdv8HT2zm2AgYCyFq7KHwlDAhYLmu84BQYa7L7CVeHoAIJlZGZEiAxlWhq6dUOmVs-qx8N0DkLwg8DVhQGuyfGLvWfyLr6TKcXIiHqrMeXn3-YhGxhV6Fu._GRxGc02rBAlLgANubcdJA',1.79604373623312163358e+09,1.79863573622411155707e+09,NULL);
CREATE TABLE watchword_remembered (
	"key" TEXT NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "watchword_remembered" VALUES('key',2.79604373668048763264e+09);
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
INSERT INTO "watchword_sessions" VALUES('UzyRsENvohbKXcHauJbAfA8','p5AJFoJJbAffGB4g-p1Gng','Alice','read',2,1.79604373661420202252e+09,1.79604373661420202252e+09,1.7960437366371338367e+09,1796044336.0,1797253336.0,NULL,NULL,'firefox','192.0.2.2',NULL,1797253756.0);
INSERT INTO "watchword_sessions" VALUES('i1GZ5uO6Q5M1GgvMdGr8Hg8','p5AJFoJJbAffGB4g-p1Gng','Alice','',1,1.79604373664507937428e+09,1.79604373664507937428e+09,NULL,1796044336.0,1797253336.0,1.79604373666513872148e+09,'logout',NULL,NULL,1,1796044756.0);
CREATE TABLE watchword_spent (
	"key" TEXT NOT NULL, 
	attempt TEXT NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE watchword_store (
	id INTEGER NOT NULL, 
	schema_version INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	end_sequence BIGINT NOT NULL, 
	key_version BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "watchword_store" VALUES(1,3,'9b148cfcf1fb77a9783b08071dca14c0',1,4);
CREATE TABLE watchword_throttles (
	"key" TEXT NOT NULL, 
	charges INTEGER NOT NULL, 
	blocked_until DOUBLE NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "watchword_throttles" VALUES('key',1,1.79604373768434190752e+09,2.79604373668434190739e+09);
CREATE INDEX ix_watchword_sessions_keep_until ON watchword_sessions (keep_until);
CREATE INDEX ix_watchword_sessions_end_sequence ON watchword_sessions (end_sequence);
CREATE INDEX ix_watchword_sessions_subject ON watchword_sessions (subject);
CREATE INDEX ix_watchword_throttles_keep_until ON watchword_throttles (keep_until);
CREATE INDEX ix_watchword_remembered_keep_until ON watchword_remembered (keep_until);
CREATE INDEX ix_watchword_spent_keep_until ON watchword_spent (keep_until);
COMMIT;
