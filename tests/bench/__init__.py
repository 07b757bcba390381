"""Speed, memory and growth, each beside a reference measured in the same run (`make bench`)."""
