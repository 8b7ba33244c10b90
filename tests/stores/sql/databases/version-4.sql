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
INSERT INTO "watchword_accounts" VALUES('JMh8WW-72p_iCAWHpjriAg','Alice','alice','$argon2id$v=19$m=65536,t=3,p=4$Nhi/cuu9bW+NwatBkmzbxg$yqb+LhytOHmCNDPjBuHvYi38/2uctI8kTnBoQFJdBoo','read write',0,1,1.79605716096918964388e+09);
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
INSERT INTO "watchword_keys" VALUES('public',1,'3SZhUp9m1lfOqURRBc373Z-9c5Pp8hhI6FbPaAS-u5U','EdDSA','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiM1NaaFVwOW0xbGZPcVVSUkJjMzczWi05YzVQcDhoaEk2RmJQYUFTLXU1VSIsImtpbmQiOiJwdWJsaWMiLCJlcG9jaCI6MX0..-F_erycUEdhNllw-._D6mVg3clbDnV3z4MLHNZcAdFbPHoVdW206PExiJhWxgFMcvSYpuXhF2PG5c1xED_-AYMtYciCA1Y-DruBauZ5GO36c1fOnDtscJduA6tOUk3NsqEiLQinc9CT5aXyJlBK7t2D7QhFzfwUUqDqjE20OehMumc8FKVFeAJTJUBDLu8YiQ3iclr6n006G-wJzjZvrCBAolBSwy6vK_nhUivSH6z-5xHDXH_Q5g5nkosKLuFZ0_VsfNJMfWmKWU3UP_Rsyy.amnL0yJqfz9riKtQ2uokzA',1.79605716034268975255e+09,1.79605716034268975255e+09,NULL);
INSERT INTO "watchword_keys" VALUES('internal',1,'4vE3gUuludk','HS256','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiNHZFM2dVdWx1ZGsiLCJraW5kIjoiaW50ZXJuYWwiLCJlcG9jaCI6MX0..8bRySnx8-454nJk8.YdKK98neMUyQ1ajINGCZAlpenISHS36xnGKrCCqFLMqnN9VXXbU1pYvmeOOR4KkkpqP0PZK3zTnFofix4SDaME8Hvoev_PDMHKLZCwgn66kTpCtoLHlo9n9bBxhJo7MJkw.hjdqnreYiGpMOSFCZRylBw',1.79605716036721181866e+09,1.79605716036721181866e+09,NULL);
INSERT INTO "watchword_keys" VALUES('public',2,'ZihAX2E8drxwN5Ghv1P1MDLjCs6L2mekw4uUu29q4_w','EdDSA','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiWmloQVgyRThkcnh3TjVHaHYxUDFNRExqQ3M2TDJtZWt3NHVVdTI5cTRfdyIsImtpbmQiOiJwdWJsaWMiLCJlcG9jaCI6Mn0..7kplerV7Tvpm68S1.s9G-lSM2f0SWqJf2e5NwOm9Rg_lGEiXqdPNY9yWb6_j4T3SH1VDJDkeqI9pO7RKV0f5BDcuNKTEWTB3M1ExYH2ZTYNMzPr-VLA2JfUeaHQIwoV23-bGlROFuSC9Mu_MN7glY7HJ7Sro3laLJ6Dxo_bzvXhaHcXQhtaFhu-ltdEPsqYXC8ZZXzmy506UGRvbzNs9LH2o3iGoEMCFiKI1HD5LZSjX6iEfNCAZULDyzICV1RQ3atsG3KIR36KuhEg1CzpR6.QCf5AEaT2jF4ujWnxoyH4A',1.79605716037357354165e+09,1.79864916034268975254e+09,NULL);
INSERT INTO "watchword_keys" VALUES('internal',2,'aeiYCS_M_P0','HS256','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiYWVpWUNTX01fUDAiLCJraW5kIjoiaW50ZXJuYWwiLCJlcG9jaCI6Mn0..KgAmRpltXPR48RBs.ywvsd9IbmZdm3rODLW3KcxqOZ9l18SmBrNITEEtTQFZ1Rt6XH44tc1-yPHMGZNxN7YDQxv8tP-fMx9niZnRowDLRCl3fy535n4uXNrb2uSzXzj9KKheCwlVZzQZFxMv0YA.L3kjXarUR8P-C_weiyPaAQ',1.79605716039037823679e+09,1.79864916036721181865e+09,NULL);
CREATE TABLE watchword_remembered (
	"key" TEXT NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "watchword_remembered" VALUES('key',2.79605716105033826838e+09);
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
	audience TEXT, 
	client_id TEXT, 
	credentials_version INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO "watchword_sessions" VALUES('WDjwN7OxrkLEO8PyoUJE4g3','JMh8WW-72p_iCAWHpjriAg','Alice','read',2,1.79605716099072337151e+09,1.79605716099072337151e+09,1.79605716101108860973e+09,1796057761.0,1797266761.0,NULL,NULL,'firefox','192.0.2.2',NULL,1797267181.0,'watchword','watchword',1);
INSERT INTO "watchword_sessions" VALUES('IpZKSy90mARO0JX_wBl3mw3','JMh8WW-72p_iCAWHpjriAg','Alice','',1,1.79605716102773046495e+09,1.79605716102773046495e+09,NULL,1796057761.0,1797266761.0,1.79605716103806900977e+09,'logout',NULL,NULL,1,1796058181.0,'watchword','watchword',1);
CREATE TABLE watchword_spent (
	"key" TEXT NOT NULL, 
	attempt TEXT NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "watchword_spent" VALUES('key','attempt',2.79605716106317949299e+09);
CREATE TABLE watchword_store (
	id INTEGER NOT NULL, 
	schema_version INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	end_sequence BIGINT NOT NULL, 
	key_version BIGINT NOT NULL, 
	settings TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "watchword_store" VALUES(1,4,'67c5434cd73c44c78f891e261ca52556',1,4,'{"watchword":{"access_lifetime":600,"idle_lifetime":1209600,"leeway":30,"refresh_window":30,"session_lifetime":7776000}}');
CREATE TABLE watchword_subject_ends (
	subject TEXT NOT NULL, 
	end_sequence BIGINT NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY (subject)
);
CREATE TABLE watchword_throttles (
	"key" TEXT NOT NULL, 
	charges INTEGER NOT NULL, 
	blocked_until DOUBLE NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "watchword_throttles" VALUES('key',1,1.79605716205812072751e+09,2.79605716105812072752e+09);
CREATE INDEX ix_watchword_sessions_end_sequence ON watchword_sessions (end_sequence);
CREATE INDEX ix_watchword_sessions_subject ON watchword_sessions (subject);
CREATE INDEX ix_watchword_sessions_keep_until ON watchword_sessions (keep_until);
CREATE INDEX ix_watchword_subject_ends_keep_until ON watchword_subject_ends (keep_until);
CREATE INDEX ix_watchword_throttles_keep_until ON watchword_throttles (keep_until);
CREATE INDEX ix_watchword_remembered_keep_until ON watchword_remembered (keep_until);
CREATE INDEX ix_watchword_spent_keep_until ON watchword_spent (keep_until);
COMMIT;
