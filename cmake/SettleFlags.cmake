# Compiler and linker settings that every target shares, as the interface library settle_flags.
option(SETTLE_TESTS "build the tests" ON)
option(SETTLE_BENCH "build the benchmarks" OFF)
option(SETTLE_FUZZ "build the fuzz targets (clang only)" OFF)
option(SETTLE_WERROR "treat warnings as errors" ON)
set(SETTLE_SANITIZE "" CACHE STRING "sanitizers, as -fsanitize= takes them")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(settle_flags INTERFACE)
target_include_directories(settle_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(settle_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wformat=2 -Werror=format-security
                       -Wnon-virtual-dtor -Woverloaded-virtual)
if(SETTLE_WERROR)
  target_compile_options(settle_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these from inside the standard library and Boost at -O2 (gcc bugs 105329, 105651).
  target_compile_options(settle_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow
                         -Wno-array-bounds -Wno-dangling-pointer)
endif()
# Boost.Asio: no deprecated names, and its implementation compiled once (base of build times and of binary size).
target_compile_definitions(settle_flags INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION
                           BOOST_BEAST_SEPARATE_COMPILATION)

if(SETTLE_SANITIZE)
  target_compile_options(settle_flags INTERFACE -fsanitize=${SETTLE_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(settle_flags INTERFACE -fsanitize=${SETTLE_SANITIZE})
  if(SETTLE_SANITIZE MATCHES "undefined")
    target_compile_options(settle_flags INTERFACE -fno-sanitize-recover=undefined)
  endif()
else()
  # Hardening, as the OSSF compiler guide recommends and both compilers of Debian 12 accept.
  target_compile_options(settle_flags INTERFACE -D_GLIBCXX_ASSERTIONS -fstack-protector-strong
                         -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero -fPIE)
  target_compile_options(settle_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
                         $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
  target_link_options(settle_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

find_program(MOLD mold)
if(MOLD)
  target_link_options(settle_flags INTERFACE -fuse-ld=mold)
endif()
