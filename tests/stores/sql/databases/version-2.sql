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
INSERT INTO "watchword_accounts" VALUES('YZ_m_hYPMwhS-QxtHObxlQ','Alice','alice','$argon2id$v=19$m=65536,t=3,p=4$Ez1d1i3HHlPzvlQUwsa8VA$YumkZSt18H4KvbK9opumMBiuW+3mMkFQqwCTiaFh4Rw','read write',0,1,1.79557309980696940421e+09);
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
INSERT INTO "watchword_keys" VALUES('public',1,'NIHgs934W5ReEItdz5KS77JiAlC7RsdvXWMrDswlv-g','EdDSA','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiTklIZ3M5MzRXNVJlRUl0ZHo1S1M3N0ppQWxDN1JzZHZYV01yRHN3bHYtZyIsImtpbmQiOiJwdWJsaWMiLCJlcG9jaCI6MX0.._D5jHLkYlo8A1rFv.aZ_KnQHMhD5i16mSCeyHB8ANMuqI-Q4fiLPN2is0OsBHxCBoK86QSSTUs7VwDTVdr_gx0XijJneHel7cgUK6__imvWiVvNLRLOYu32Q5Q9Ia2wDpSdTJ8Y7OEycLmCicNcc4trkKAL0fw4IoJa6dva8t-9PNNeTq3czlRdPVVi1aLSLhRMLIkwG9IsPOpMHNhrKSkdNrwcT2OzxB4vnzjmNVE7cVG1E2TKJNpSl13wJWnUYpXAfT2EDQjYZuHtodwEbu.McnCFNjL4rnATjVRQdmYMQ',1.79557309934526157383e+09,1.79557309934526157383e+09,NULL);
INSERT INTO "watchword_keys" VALUES('internal',1,'Fae_gF3lGj80ItqHrr2mAQ','HS256','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiRmFlX2dGM2xHajgwSXRxSHJyMm1BUSIsImtpbmQiOiJpbnRlcm5hbCIsImVwb2NoIjoxfQ..QuDbK569ux_xtwJ1.BIZIhKeJMv4qdc98SEL8R9nMMynsGPWf9tReYq6GyrJKhnhq93NDy5eFA7SYT_WT7ahA8eC9h699xXfALvC9t0mLRzTpELrhvapd1o2eRpdnElRdlTaYZIwHKJl9LHMnoh2Zs5xn12V3svyj.vAhJ-s1P94UgrLElLeVEsQ',1.79557309935765600211e+09,1.79557309935765600211e+09,NULL);
INSERT INTO "watchword_keys" VALUES('public',2,'XihG8YroG8Xf6DuaueLgRrhkoqGrOom-ZM4MiJRXbHk','EdDSA','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiWGloRzhZcm9HOFhmNkR1YXVlTGdScmhrb3FHck9vbS1aTTRNaUpSWGJIayIsImtpbmQiOiJwdWJsaWMiLCJlcG9jaCI6Mn0..J5iOLlkVrSlkGAG9.5PCIkzmp7jdLl-v8omd1cjW3L1zt0yvEA3lu2EZeds5Mjen9RI4irqegs03h888YHU8TXw2stieWyORO0iBvlt7H5hV7r6-VqVclHDklfRHytIyB65_NmogtTMmdf_jVYo_CW3x3houTFkJPOXn1zIfmEcUguDQnLdTNt2zM0DYWDLfFlCQ-wCsr8LFDUgm3d4y0VyYy_J1fBpVbhkCFKkP-x9OJx9_07TOQOrPgnGR36SvZ3f77nSHQ2ySlcmTk1Lkx.m5z2QFiWhHo2BG9kL0gTVw',1.79557309936578106878e+09,1.79816509934526157386e+09,NULL);
INSERT INTO "watchword_keys" VALUES('internal',2,'-Qy5opTzLXF35AysaYlJHw','HS256','eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoiLVF5NW9wVHpMWEYzNUF5c2FZbEpIdyIsImtpbmQiOiJpbnRlcm5hbCIsImVwb2NoIjoyfQ..hhYHUo8RqkD55nB3.wh6yemhTCayhEMjijiiVmqWcEETVJl6Hze5nMiG15uiFhpcXnYYQRWF3xxButM6udyii2h6Hc_nHfu_THp8waZoOjtXk4d4HBs-fZoAzWlAjJmnUDbDX3XQLKKWPaZRNaj2YPwByUzZs81XB.n3QPRLYTXefQc6Z8I-Ip1Q',1.79557309936947083472e+09,1.79816509935765600197e+09,NULL);
CREATE TABLE watchword_remembered (
	"key" TEXT NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "watchword_remembered" VALUES('key',1.79557409988523578644e+09);
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
INSERT INTO "watchword_sessions" VALUES('_yJtBh_wtR-8ldWvjzNTHg','YZ_m_hYPMwhS-QxtHObxlQ','Alice','read',2,1.79557309983160519597e+09,1.79557309983160519597e+09,1.79557309985962033275e+09,1795573699.0,1796782699.0,NULL,NULL,'firefox','192.0.2.2',NULL,1796783119.0);
INSERT INTO "watchword_sessions" VALUES('hEP_Z5NHl8lltHwMfELUfg','YZ_m_hYPMwhS-QxtHObxlQ','Alice','',1,1.79557309985316228872e+09,1.79557309985316228872e+09,NULL,1795573699.0,1796782699.0,1.79557309987613892554e+09,'logout',NULL,NULL,1,1795574119.0);
CREATE TABLE watchword_store (
	id INTEGER NOT NULL, 
	schema_version INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	end_sequence BIGINT NOT NULL, 
	key_version BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "watchword_store" VALUES(1,2,'75bf0cb068cd5cc0786d5dbc862fd3d4',1,4);
CREATE TABLE watchword_throttles (
	"key" TEXT NOT NULL, 
	charges INTEGER NOT NULL, 
	blocked_until DOUBLE NOT NULL, 
	keep_until DOUBLE NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "watchword_throttles" VALUES('key',1,1.79557310088129544259e+09,1.79557409988129544264e+09);
CREATE INDEX ix_watchword_sessions_subject ON watchword_sessions (subject);
CREATE INDEX ix_watchword_sessions_end_sequence ON watchword_sessions (end_sequence);
CREATE INDEX ix_watchword_sessions_keep_until ON watchword_sessions (keep_until);
CREATE INDEX ix_watchword_throttles_keep_until ON watchword_throttles (keep_until);
CREATE INDEX ix_watchword_remembered_keep_until ON watchword_remembered (keep_until);
COMMIT;
