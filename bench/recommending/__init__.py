"""Parts of `bench.recommend`: the city that is replayed, its drivers, and those who advise them."""
