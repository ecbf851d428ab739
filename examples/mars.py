"""Try MARS on Ray, see it fail, and see what to use instead.

The chapter: MARS computes tensors and data frames on Ray (``mars.new_ray_session``), and ``ray.data.from_mars`` takes
its data frames. Today: Ray still has ``from_mars``, but the last MARS, 0.10.0, cannot be imported beside NumPy 2; with
an older NumPy, it replaces a function of Ray that has another argument in Ray 2.60, and no computation ends.
Look at: the error, and the two programs that do the same with a library that is looked after.
"""

from __future__ import annotations

from importlib.metadata import version

from examples import need, start_ray


def rows_through_mars() -> int:
    """The rows of a Dataset that a MARS data frame has become."""
    import mars
    import mars.dataframe as md
    import ray

    mars.new_ray_session(worker_num=1, default=True)
    try:
        return ray.data.from_mars(md.DataFrame({"number": range(10)}).execute()).count()
    finally:
        mars.stop_server()


def main() -> None:
    """Try the way of the chapter and print how far it comes."""
    need("mars", "MARS")
    import ray

    start_ray(own=True)
    print(f"Ray {ray.__version__} has from_mars: {hasattr(ray.data, 'from_mars')}")
    try:
        print(f"MARS {version('pymars')} works: {rows_through_mars()} rows")
    except Exception as error:  # whatever stops it is what this program shows
        print(f"MARS {version('pymars')} fails: {type(error).__name__}: {error}")
        print("Use Modin for data frames (examples.modin_on_ray) or Dask for lazy ones (examples.dask_on_ray).")


if __name__ == "__main__":
    main()
