# Installs what was built in BUILD_DIR to INSTALLED and moves it to MOVED; nothing of it may name either of the first two.
file(REMOVE_RECURSE ${INSTALLED} ${MOVED})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${INSTALLED} --component library
                COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${INSTALLED} ${MOVED})

file(GLOB_RECURSE files ${MOVED}/*.cmake ${MOVED}/*.pc ${MOVED}/*.hpp)
foreach(file ${files})
  file(READ ${file} text)
  foreach(place ${BUILD_DIR} ${INSTALLED})
    string(FIND "${text}" ${place} position)
    if(NOT position EQUAL -1)
      message(FATAL_ERROR "${file} names ${place}")
    endif()
  endforeach()
endforeach()
