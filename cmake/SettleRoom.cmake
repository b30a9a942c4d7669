# settle_room(NAME [DEPENDS …]): one room of the house: every .cc of the folder as the static library settle_NAME.
function(settle_room name)
  cmake_parse_arguments(ROOM "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(settle_${name} STATIC ${sources})
  target_link_libraries(settle_${name} PUBLIC settle_flags ${ROOM_DEPENDS})
endfunction()

# settle_tests(NAME [SOURCES folder] DEPENDS …): every *_test.cc of the folder as the executable test_NAME, its cases under ctest.
function(settle_tests name)
  cmake_parse_arguments(T "" "" "DEPENDS;PROPERTIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE ${T_DEPENDS} GTest::gtest_main GTest::gmock)
  gtest_discover_tests(test_${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 ${T_PROPERTIES})
endfunction()
