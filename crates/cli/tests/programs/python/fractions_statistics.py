import statistics
from fractions import Fraction

print(sum([Fraction(1, n) for n in range(1, 8)]))
print(Fraction("0.125"), Fraction(3.75).limit_denominator(10), float(Fraction(1, 3)))
sample = [2.75, 1.75, 1.25, 0.25, 0.5, 1.25, 3.5]
print(statistics.mean(sample), statistics.median(sample), statistics.mode(sample))
print(round(statistics.stdev(sample), 6), round(statistics.pvariance(sample), 6))
print(statistics.quantiles(range(1, 101), n=4))
print(statistics.linear_regression([1, 2, 3, 4], [2.1, 3.9, 6.2, 7.8]))
