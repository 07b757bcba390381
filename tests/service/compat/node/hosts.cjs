// Every name under .test is this machine: what an operator does with DNS.
const dns = require("node:dns");
const real = dns.lookup;
dns.lookup = (name, options, done) => real(name.endsWith(".test") ? "127.0.0.1" : name, options, done);
