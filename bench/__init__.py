"""The benches: what Vezne does in a second, beside what PostgreSQL alone can do on the same machine in the same run."""
