"""Start Spark on Ray by RayDP, and train on a Spark data frame.

The chapter: ``raydp.init_spark`` starts Spark's executors as Ray actors, and ``ray.data.from_spark`` takes their
partitions through the object store. Today: the same; Java 17 and newer want Spark's doors opened by ``--add-opens``.
Look at: the partitions become as many blocks, and the training has the AUC that pandas alone gives.
"""

from __future__ import annotations

import os
import shutil
import sys

from examples import CSV, need, start_ray
from examples.same_model import ADDED, compare

# Java's own packages, into which Ray looks to write objects and Spark for memory of its own.
LANG = ["lang", "lang.invoke", "lang.ref", "lang.reflect", "math", "text", "time"]
IO = ["io", "net", "nio", "nio.charset"]
UTIL = ["util", "util.concurrent", "util.concurrent.atomic", "util.concurrent.locks", "util.regex"]
SUN = ["sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar"]
PACKAGES = [*(f"java.{name}" for name in LANG + IO + UTIL), *SUN]
OPENS = " ".join(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in PACKAGES)
PROCESSES = ("driver", "executor", "ray.raydp_app_master")
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # little is compiled for a run of seconds


def main() -> None:
    """Read and complete the rows in Spark, then train on them in Ray."""
    need("raydp", "RayDP")
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        sys.exit("examples.spark_on_ray needs Java: on Debian, apt install openjdk-17-jre-headless.")
    import ray
    import raydp

    start_ray()
    options = {f"spark.{process}.extraJavaOptions": f"{OPENS} {SHORT_LIVED}" for process in PROCESSES}
    # Small parts, so that there are two; and no Java compiled for each query, which pays with many rows alone.
    options |= {"spark.sql.files.maxPartitionBytes": "80k", "spark.sql.codegen.wholeStage": "false"}
    options |= {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
    spark = raydp.init_spark("example", num_executors=1, executor_cores=1, executor_memory="512M", configs=options)
    try:
        frame = spark.read.csv(str(CSV), header=True, inferSchema=True)
        frame = frame.withColumn(ADDED, frame["worst area"] / frame["mean area"])
        mean = frame.agg({ADDED: "mean"}).first()[0]
        print(f"Spark {spark.version}: {frame.rdd.getNumPartitions()} partitions, mean of {ADDED}: {mean:.4f}")
        compare(ray.data.from_spark(frame))
    finally:
        raydp.stop_spark()


if __name__ == "__main__":
    main()
