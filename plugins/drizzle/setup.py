"""The part of the build that pyproject.toml cannot say: an extension that may fail to compile."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "iris_drizzle._native",
            sources=[f"src/{name}.cpp" for name in ("module", "portable", "avx2")],
            depends=["src/image.h", "src/kernel.h", "src/stack.h", "src/between.h"],
            # The bits of a result are the same on all machines only without fused operations.
            extra_compile_args=[
                *("-std=c++17", "-O3", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti", "-Wno-psabi"),
                # Loops with comparisons and roots may be vectors: nobody looks at exceptions or errno.
                *("-fno-trapping-math", "-fno-math-errno"),
            ],
            py_limited_api=True,
            # Without a compiler the package is installed all the same, and says that it cannot drizzle.
            optional=True,
        )
    ],
    # One wheel for all versions of Python.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
