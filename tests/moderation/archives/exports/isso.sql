CREATE TABLE preferences (key VARCHAR PRIMARY KEY, value VARCHAR);
CREATE TABLE threads (id INTEGER PRIMARY KEY, uri VARCHAR(256) UNIQUE, title VARCHAR(256));
CREATE TABLE comments (tid REFERENCES threads(id), id INTEGER PRIMARY KEY, parent INTEGER, created FLOAT NOT NULL, modified FLOAT, mode INTEGER, remote_addr VARCHAR, text VARCHAR, author VARCHAR, email VARCHAR, website VARCHAR, likes INTEGER DEFAULT 0, dislikes INTEGER DEFAULT 0, voters BLOB NOT NULL, notification INTEGER DEFAULT 0);
INSERT INTO preferences VALUES ('session-key', 'x');
INSERT INTO threads VALUES (1, '/2024/09/ferry/', 'The night ferry is back');
INSERT INTO comments VALUES (1, 1, NULL, 1727687565.25, NULL, 1, '198.51.100.0', 'At last! The *Heron* & her crew.', 'Siobhan O''Brien', 'siobhan@example.ie', 'https://siobhan.example/', 2, 0, x'0000', 1);
INSERT INTO comments VALUES (1, 2, 1, 1727690400.0, 1727690460.0, 2, '203.0.113.0', 'She sails at ten.', NULL, NULL, NULL, 0, 0, x'0000', 0);
INSERT INTO comments VALUES (1, 3, NULL, 1727694000.0, NULL, 4, '203.0.113.0', '', NULL, NULL, NULL, 0, 0, x'0000', 0);
INSERT INTO comments VALUES (1, 4, 3, 1727697600.0, NULL, 1, '203.0.113.0', 'An answer to what is gone.', 'bob', 'bob@example.com', NULL, 0, 0, x'0000', 0);
